-- One row per room and day, where the room has no course on that day. Rooms within a room are left out.
WITH mapped AS (
  SELECT
    s.region,
    s.dt,
    s.entry_id,
    s.cue_point_id,
    s.entry_name,
    s.unique_users,
    s.view_minutes,
    s.final,
    s.exported_at,
    count_if(
      r.entry_id IS NOT NULL
      AND coalesce(r.valid_from, '') <= s.dt
      AND s.dt < coalesce(r.valid_to, '9999-12-31')
    ) AS courses,
    count(r.entry_id) AS entries
  FROM sessions AS s
  LEFT JOIN room_entries AS r
    ON r.entry_id = s.entry_id
  WHERE s.parent_entry_id IS NULL
  GROUP BY
    s.region, s.dt, s.entry_id, s.cue_point_id, s.entry_name, s.unique_users, s.view_minutes, s.final,
    s.exported_at
)
SELECT
  region AS region, -- Kaltura data centre.
  dt AS dt, -- Day on which the sessions started. A condition on it limits what is scanned.
  entry_id AS entry_id, -- Room.
  max(entry_name) AS entry_name, -- Name of the room, to recognise it by. Nothing is matched by it.
  max(entries) > 0 AS on_other_days, -- true if the room has a course on other days.
  count(*) AS sessions, -- Sessions of the room on that day.
  max(unique_users) AS most_users, -- Users of the session with the most.
  sum(view_minutes) AS view_minutes, -- Minutes of all users; NULL if no attendees were exported.
  bool_and(final) AS final, -- true if the rows of these sessions are final.
  min(exported_at) AS exported_at -- Oldest export among the files of these sessions.
FROM mapped
WHERE courses = 0
GROUP BY region, dt, entry_id
