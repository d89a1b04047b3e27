-- Attendance per course and week: sessions, distinct users and hours, over 16 weeks.
SELECT
  date_format(date_trunc('week', start_time), '%Y-%m-%d') AS week,
  entry_id,
  max_by(entry_name, dt) AS course,
  count(DISTINCT cue_point_id) AS sessions,
  count(DISTINCT user_id) AS people,
  count(*) AS attendances,
  sum(view_minutes) / 60 AS hours
FROM attendance
WHERE dt >= date_format(date_add('day', -112, current_date), '%Y-%m-%d')
GROUP BY date_format(date_trunc('week', start_time), '%Y-%m-%d'), entry_id
ORDER BY week, entry_id
