-- Late joiners: users who missed at least a third of a session, in the last 28 days. Kaltura
-- reports how long a user was present, but not when, so the result includes users who left early.
-- Only sessions count whose files are there and final.
SELECT
  a.region,
  a.dt,
  s.entry_name,
  a.cue_point_id,
  a.user_id,
  a.user_name,
  a.view_minutes,
  s.duration_minutes - a.view_minutes AS missed_minutes
FROM attendance AS a
JOIN sessions AS s
  ON s.region = a.region
  AND s.dt = a.dt
  AND s.entry_id = a.entry_id
  AND s.cue_point_id = a.cue_point_id
WHERE a.dt >= date_format(date_add('day', -28, current_date), '%Y-%m-%d')
  AND a.user_id IS NOT NULL
  AND a.final
  AND NOT a.missing_day
  AND s.duration_minutes - a.view_minutes >= s.duration_minutes / 3
ORDER BY a.dt, a.region, a.cue_point_id, a.user_id
