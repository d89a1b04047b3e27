-- First-time attendees: the number of users per week whose first session in 16 weeks was that week.
WITH firsts AS (
  SELECT region, user_id, min(start_time) AS first_time
  FROM attendance
  WHERE dt >= date_format(date_add('day', -112, current_date), '%Y-%m-%d')
    AND user_id IS NOT NULL
  GROUP BY region, user_id
)
SELECT
  region,
  date_format(date_trunc('week', first_time), '%Y-%m-%d') AS week,
  count(*) AS first_timers
FROM firsts
GROUP BY region, date_format(date_trunc('week', first_time), '%Y-%m-%d')
ORDER BY region, week
