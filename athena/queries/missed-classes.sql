-- Missed classes: people on a roster who were not seen in three or more classes of the last 28 days.
-- Only classes count whose data are final and complete; the others are in the last column.
SELECT
  course_id,
  max(course_name) AS course_name,
  min(user_id) AS user_id,
  user_key,
  count_if(status = 'not_seen') AS not_seen,
  count_if(status = 'partial') AS partly,
  count_if(status = 'present') AS present,
  count_if(status IN ('provisional', 'no_data')) AS undecided
FROM attendance_status
WHERE dt >= date_format(date_add('day', -28, current_date), '%Y-%m-%d')
  AND user_key IS NOT NULL
GROUP BY course_id, user_key
HAVING count_if(status = 'not_seen') >= 3
ORDER BY course_id, not_seen DESC, user_id
