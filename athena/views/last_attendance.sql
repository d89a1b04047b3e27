-- One row per course and person on its roster: the last day on which the person was seen in a class.
--
-- It reads everything since StartDate. For a term, run the saved query Last attendance instead.
WITH rows_of AS (
  SELECT
    s.*,
    max(CASE WHEN minutes > 0 THEN dt END) OVER (
      PARTITION BY course_id, user_key, CASE WHEN user_key IS NULL THEN user_id END
    ) AS last_day
  FROM attendance_status AS s
)
SELECT
  course_id AS course_id, -- Course.
  max(course_name) AS course_name, -- Name of the course, as in the reference data.
  min(user_id) AS user_id, -- User, as in the roster; the first by name if several entries are the same person.
  user_key AS user_key, -- The id under the rules of the policy; NULL if nothing is left of it.
  min(role) AS role, -- Role in the course, as in the roster; the first by name if there are several.
  max(last_day) AS last_dt, -- Last day of a class in which the person was seen; NULL if there is none.
  count(*) AS classes, -- Classes of the course while the person was on its roster.
  count_if(minutes > 0) AS classes_seen, -- Those in which the person was seen.
  count_if(status IN ('provisional', 'no_data')) AS classes_undecided, -- Those that are not final, or whose data are missing or incomplete.
  count_if(status IN ('provisional', 'no_data') AND dt >= coalesce(last_day, '')) = 0
    AS final, -- true if no class on that day or later is undecided, so that last_dt stays as it is.
  min(exported_at) AS exported_at -- Oldest export among the files of these classes.
FROM rows_of
GROUP BY course_id, user_key, CASE WHEN user_key IS NULL THEN user_id END
