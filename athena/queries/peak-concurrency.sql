-- Peak concurrency: the maximum number of sessions that ran at the same time, and of the users in
-- them, for each of the last 28 days. Kaltura does not report when a user was present, so the user
-- count is an upper bound.
WITH edges AS (
  SELECT region, dt, start_time AS moment, 1 AS sessions, unique_users AS users
  FROM sessions
  WHERE dt >= date_format(date_add('day', -28, current_date), '%Y-%m-%d')
    AND end_time IS NOT NULL
  UNION ALL
  SELECT region, dt, end_time AS moment, -1 AS sessions, -unique_users AS users
  FROM sessions
  WHERE dt >= date_format(date_add('day', -28, current_date), '%Y-%m-%d')
    AND end_time IS NOT NULL
),
moments AS (
  SELECT region, moment, min(dt) AS dt, sum(sessions) AS sessions, sum(users) AS users
  FROM edges
  GROUP BY region, moment
),
running AS (
  SELECT
    region,
    date_format(moment, '%Y-%m-%d') AS day,
    sum(sessions) OVER (PARTITION BY region ORDER BY moment) AS sessions,
    sum(users) OVER (PARTITION BY region ORDER BY moment) AS users
  FROM moments
)
SELECT region, day, max(sessions) AS peak_sessions, max(users) AS peak_users_at_most
FROM running
GROUP BY region, day
ORDER BY region, day
