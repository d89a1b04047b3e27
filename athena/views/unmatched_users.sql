-- One row per identified user, room and day, where the user is on no roster of the room's courses.
WITH known AS (
  SELECT DISTINCT user_key
  FROM roster_entries
  WHERE user_key IS NOT NULL
),
seen AS (
  SELECT
    region,
    dt,
    entry_id,
    cue_point_id,
    user_id,
    max(entry_name) AS entry_name,
    max(user_key) AS user_key,
    max(user_name) AS user_name,
    max(user_email) AS user_email,
    max(user_type) AS user_type,
    max(view_minutes) AS view_minutes,
    bool_and(final) AS final,
    min(exported_at) AS exported_at
  FROM attendance_by_course
  WHERE user_id IS NOT NULL
  GROUP BY region, dt, entry_id, cue_point_id, user_id
  HAVING count(course_id) > 0 AND NOT bool_or(on_roster)
)
SELECT
  s.region AS region, -- Kaltura data centre.
  s.dt AS dt, -- Day on which the sessions started. A condition on it limits what is scanned.
  s.entry_id AS entry_id, -- Room.
  max(s.entry_name) AS entry_name, -- Name of the room, as it was at the latest export.
  s.user_id AS user_id, -- User, as in the report.
  max(s.user_key) AS user_key, -- The id under the rules of the policy; NULL if nothing is left of it.
  max(s.user_name) AS user_name, -- Name of the user, to recognise the person by. Nothing is matched by it.
  max(s.user_email) AS user_email, -- Email address, as it was at the latest export.
  max(s.user_type) AS user_type, -- Role in the session, such as host or attendee.
  count(k.user_key) > 0 AS on_other_roster, -- true if the user is on a roster of another course or of other days.
  count(*) AS sessions, -- Sessions of the room on that day in which the user was seen.
  sum(s.view_minutes) AS view_minutes, -- Minutes in these sessions.
  bool_and(s.final) AS final, -- true if the rows of these sessions are final.
  min(s.exported_at) AS exported_at -- Oldest export among the files of these sessions.
FROM seen AS s
LEFT JOIN known AS k
  ON k.user_key = s.user_key
GROUP BY s.region, s.dt, s.entry_id, s.user_id
