-- One row per course and person on its roster: the last day on which the person was seen in a class,
-- and up to which day nothing is missing that could change it.
--
-- It reads everything since StartDate. For a term, run the saved query Last attendance instead.
WITH rows_of AS (
  SELECT
    s.*,
    max(CASE WHEN minutes > 0 THEN dt END) OVER (
      PARTITION BY course_id, user_key, CASE WHEN user_key IS NULL THEN user_id END
    ) AS last_day
  FROM attendance_status AS s
),
people AS (
  SELECT
    course_id,
    max(course_name) AS course_name,
    min(user_id) AS user_id,
    user_key,
    coalesce(concat('key ', user_key), concat('id ', min(user_id))) AS person,
    min(role) AS role,
    max(last_day) AS last_day,
    count(*) AS classes,
    count_if(minutes > 0) AS classes_seen,
    count_if(status IN ('provisional', 'no_data')) AS classes_undecided,
    min(CASE WHEN status IN ('provisional', 'no_data') AND dt >= coalesce(last_day, '') THEN dt END) AS undecided_day,
    min(exported_at) AS exported_at
  FROM rows_of
  GROUP BY course_id, user_key, CASE WHEN user_key IS NULL THEN user_id END
),
enrolled AS (
  SELECT
    course_id,
    coalesce(concat('key ', user_key), concat('id ', user_id)) AS person,
    min(coalesce(valid_from, '')) AS valid_from,
    max(coalesce(valid_to, '9999-12-31')) AS valid_to
  FROM roster_entries
  GROUP BY course_id, coalesce(concat('key ', user_key), concat('id ', user_id))
),
bounded AS (
  SELECT
    p.*,
    coalesce(p.last_day, e.valid_from) AS from_day,
    least(
      date_format(date_add('day', -1, CAST(e.valid_to AS date)), '%Y-%m-%d'),
      date_format(current_timestamp AT TIME ZONE '${TimeZone}', '%Y-%m-%d')
    ) AS needed_day
  FROM people AS p
  JOIN enrolled AS e
    ON e.course_id = p.course_id
    AND e.person = p.person
),
regions AS (
  SELECT DISTINCT region
  FROM day_files
  WHERE report IN ('room_data', 'attendees')
),
settled AS (
  SELECT
    b.course_id,
    b.person,
    max(b.course_name) AS course_name,
    max(b.user_id) AS user_id,
    max(b.user_key) AS user_key,
    max(b.role) AS role,
    max(b.last_day) AS last_day,
    max(b.classes) AS classes,
    max(b.classes_seen) AS classes_seen,
    max(b.classes_undecided) AS classes_undecided,
    max(b.undecided_day) AS undecided_day,
    max(b.exported_at) AS exported_at,
    max(b.from_day) AS from_day,
    max(b.needed_day) AS needed_day,
    CASE WHEN count(s.last_day) = count(*) THEN min(s.last_day) END AS settled_day
  FROM bounded AS b
  LEFT JOIN regions AS r
    ON true
  LEFT JOIN settled_stretches AS s
    ON s.region = r.region
    AND (s.is_first OR s.first_day <= b.from_day)
    AND b.from_day <= s.last_day
  GROUP BY b.course_id, b.person
),
known AS (
  SELECT
    s.*,
    CASE
      WHEN undecided_day <= settled_day THEN date_format(date_add('day', -1, CAST(undecided_day AS date)), '%Y-%m-%d')
      ELSE settled_day
    END AS known_day
  FROM settled AS s
)
SELECT
  course_id AS course_id, -- Course.
  course_name AS course_name, -- Name of the course, as in the reference data.
  user_id AS user_id, -- User, as in the roster; the first by name if several entries are the same person.
  user_key AS user_key, -- The id under the rules of the policy; NULL if nothing is left of it.
  role AS role, -- Role in the course, as in the roster; the first by name if there are several.
  last_day AS last_dt, -- Last day of a class in which the person was seen; NULL if there is none.
  classes AS classes, -- Classes of the course while the person was on its roster.
  classes_seen AS classes_seen, -- Those in which the person was seen.
  classes_undecided AS classes_undecided, -- Those that are not final, or whose data are missing or incomplete.
  CASE WHEN known_day >= from_day THEN known_day END
    AS known_until, -- Last day up to which, from last_dt on, the files of each day are settled and no class is undecided; NULL if last_dt itself is not certain.
  coalesce(known_day >= from_day AND known_day >= needed_day, false)
    AS final, -- true if known_until is today or the person's last day on the roster, so that last_dt stays as it is.
  exported_at AS exported_at -- Oldest export among the files of these classes.
FROM known
