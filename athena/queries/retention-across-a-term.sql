-- Retention across a term of 16 weeks: of the users who first attended a course in one week, the
-- number who attended it in each later week.
WITH weeks AS (
  SELECT DISTINCT
    region,
    entry_id,
    user_id,
    CAST(date_format(date_trunc('week', start_time), '%Y-%m-%d') AS date) AS week
  FROM attendance
  WHERE dt >= date_format(date_add('day', -112, current_date), '%Y-%m-%d')
    AND user_id IS NOT NULL
    AND start_time IS NOT NULL
),
cohorts AS (
  SELECT
    region,
    entry_id,
    user_id,
    week,
    min(week) OVER (PARTITION BY region, entry_id, user_id) AS first_week
  FROM weeks
)
SELECT
  region,
  entry_id,
  date_format(first_week, '%Y-%m-%d') AS first_week,
  date_diff('week', first_week, week) AS weeks_later,
  count(*) AS people
FROM cohorts
GROUP BY region, entry_id, first_week, date_diff('week', first_week, week)
ORDER BY region, entry_id, first_week, weeks_later
