-- Top hosts: the users who hosted the most hours of attendance in the last 28 days.
SELECT
  region,
  host_user_id,
  count(*) AS sessions,
  sum(unique_users) AS attendances,
  sum(view_minutes) / 60 AS hours
FROM sessions
WHERE dt >= date_format(date_add('day', -28, current_date), '%Y-%m-%d')
  AND host_user_id IS NOT NULL
GROUP BY region, host_user_id
ORDER BY hours DESC, region, host_user_id
LIMIT 25
