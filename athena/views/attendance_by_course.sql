-- One row per user in a session and course of its room.
--
-- A room that has several courses on a day has a row for each; one that has none has a row without a
-- course. Users are found in the roster by their ids under the rules of the policy: surrounding
-- spaces are removed, then case is ignored, then a prefix and a domain are removed. Never by name.
WITH taught AS (
  SELECT
    a.*,
    r.course_id,
    r.course_name
  FROM attendance AS a
  LEFT JOIN room_entries AS r
    ON r.entry_id = a.entry_id
    AND coalesce(r.valid_from, '') <= a.dt
    AND a.dt < coalesce(r.valid_to, '9999-12-31')
),
trimmed AS (
  SELECT
    t.*,
    regexp_replace(user_id, '^ +| +$', '') AS trimmed_id
  FROM taught AS t
),
keyed AS (
  SELECT
    t.*,
    nullif(
      regexp_replace(
        regexp_replace(CASE WHEN p.ignore_case THEN lower(t.trimmed_id) ELSE t.trimmed_id END, p.prefix_pattern, ''),
        p.domain_pattern,
        ''
      ),
      ''
    ) AS user_key
  FROM trimmed AS t
  CROSS JOIN policy AS p
),
found AS (
  SELECT
    k.*,
    e.role AS entry_role,
    e.course_id IS NOT NULL AS on_roster
  FROM keyed AS k
  LEFT JOIN roster_entries AS e
    ON e.course_id = k.course_id
    AND e.user_key = k.user_key
    AND coalesce(e.valid_from, '') <= k.dt
    AND k.dt < coalesce(e.valid_to, '9999-12-31')
)
SELECT
  region AS region, -- Kaltura data centre.
  dt AS dt, -- Day on which the session started. A condition on it limits what is scanned.
  course_id AS course_id, -- Course of the room on that day; NULL if it has none.
  max(course_name) AS course_name, -- Name of the course, as in the reference data.
  entry_id AS entry_id, -- Room.
  max(entry_name) AS entry_name, -- Name of the room, as it was at the latest export.
  cue_point_id AS cue_point_id, -- Session.
  max(start_time) AS start_time, -- Start of the session, in the deployment's time zone.
  user_id AS user_id, -- User, as in the report; NULL for users that Kaltura does not identify, who share one row.
  max(user_key) AS user_key, -- The id under the rules of the policy; NULL if there is none.
  max(user_name) AS user_name, -- Name of the user, as it was at the latest export.
  max(user_email) AS user_email, -- Email address, as it was at the latest export.
  max(user_type) AS user_type, -- Role in the session, such as host or attendee.
  bool_or(on_roster) AS on_roster, -- true if the user is on the course's roster on that day.
  min(entry_role) AS role, -- Role in the course, as in the roster; the first by name if there are several.
  max(view_minutes) AS view_minutes, -- Minutes in the session, over all days. The same in the rows of all courses of the room.
  max(engagement) AS engagement, -- Share of view_minutes in which the user was engaged.
  bool_and(final) AS final, -- true if every file in which the session can have a row was exported after it settled.
  min(exported_at) AS exported_at, -- Oldest export among the files of the session's days.
  bool_or(missing_day) AS missing_day -- true if a day of the session has no file, or lacks attendees that Kaltura counts.
FROM found
GROUP BY region, dt, entry_id, cue_point_id, user_id, course_id
