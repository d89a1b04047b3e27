-- Engagement over time: per week, weighted by view time, of sessions whose attendees are known.
SELECT
  region,
  date_format(date_trunc('week', start_time), '%Y-%m-%d') AS week,
  count(DISTINCT concat(entry_id, '/', cue_point_id)) AS sessions,
  sum(engagement * view_minutes)
    / nullif(sum(view_minutes) FILTER (WHERE engagement IS NOT NULL), 0) AS engagement
FROM attendance
WHERE dt >= date_format(date_add('day', -112, current_date), '%Y-%m-%d')
  AND start_time IS NOT NULL
GROUP BY region, date_format(date_trunc('week', start_time), '%Y-%m-%d')
ORDER BY region, week
