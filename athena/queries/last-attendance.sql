-- Last attendance: for each course and person on its roster, the last day of a class in which the
-- person was seen in the last 112 days, and whether a later class is undecided.
WITH classes AS (
  SELECT
    course_id,
    course_name,
    user_id,
    user_key,
    dt,
    minutes,
    status,
    max(CASE WHEN minutes > 0 THEN dt END) OVER (PARTITION BY course_id, user_key) AS last_dt
  FROM attendance_status
  WHERE dt >= date_format(date_add('day', -112, current_date), '%Y-%m-%d')
    AND user_key IS NOT NULL
)
SELECT
  course_id,
  max(course_name) AS course_name,
  min(user_id) AS user_id,
  user_key,
  max(last_dt) AS last_dt,
  count(*) AS classes,
  count_if(minutes > 0) AS classes_seen,
  count_if(status IN ('provisional', 'no_data') AND dt >= coalesce(last_dt, '')) = 0 AS final
FROM classes
GROUP BY course_id, user_key
ORDER BY course_id, user_id
