-- Last attendance: for each course and person on its roster, the last day of a class in which the
-- person was seen in the last 112 days, and up to which day nothing is missing that could change it.
WITH classes AS (
  SELECT
    course_id,
    course_name,
    user_id,
    user_key,
    dt,
    minutes,
    status,
    max(CASE WHEN minutes > 0 THEN dt END) OVER (PARTITION BY course_id, user_key) AS last_day
  FROM attendance_status
  WHERE dt >= date_format(date_add('day', -112, current_date), '%Y-%m-%d')
    AND user_key IS NOT NULL
),
people AS (
  SELECT
    course_id,
    max(course_name) AS course_name,
    min(user_id) AS user_id,
    user_key,
    max(last_day) AS last_day,
    count(*) AS classes,
    count_if(minutes > 0) AS classes_seen,
    min(CASE WHEN status IN ('provisional', 'no_data') AND dt >= coalesce(last_day, '') THEN dt END) AS undecided_day
  FROM classes
  GROUP BY course_id, user_key
),
enrolled AS (
  SELECT course_id, user_key, min(coalesce(valid_from, '')) AS valid_from, max(coalesce(valid_to, '9999-12-31')) AS valid_to
  FROM roster_entries
  WHERE user_key IS NOT NULL
  GROUP BY course_id, user_key
),
bounded AS (
  SELECT
    p.*,
    coalesce(
      p.last_day,
      greatest(e.valid_from, date_format(date_add('day', -112, current_date), '%Y-%m-%d'))
    ) AS from_day,
    least(
      date_format(date_add('day', -1, CAST(e.valid_to AS date)), '%Y-%m-%d'),
      date_format(current_date, '%Y-%m-%d')
    ) AS needed_day
  FROM people AS p
  JOIN enrolled AS e
    ON e.course_id = p.course_id
    AND e.user_key = p.user_key
),
regions AS (
  SELECT DISTINCT region
  FROM day_files
  WHERE report IN ('room_data', 'attendees')
),
settled AS (
  SELECT
    b.course_id,
    b.user_key,
    max(b.course_name) AS course_name,
    max(b.user_id) AS user_id,
    max(b.last_day) AS last_day,
    max(b.classes) AS classes,
    max(b.classes_seen) AS classes_seen,
    max(b.undecided_day) AS undecided_day,
    max(b.from_day) AS from_day,
    max(b.needed_day) AS needed_day,
    CASE WHEN count(s.last_day) = count(*) THEN min(s.last_day) END AS settled_day
  FROM bounded AS b
  LEFT JOIN regions AS r
    ON true
  LEFT JOIN settled_stretches AS s
    ON s.region = r.region
    AND (s.is_first OR s.first_day <= b.from_day)
    AND b.from_day <= s.last_day
  GROUP BY b.course_id, b.user_key
),
known AS (
  SELECT
    s.*,
    CASE
      WHEN undecided_day <= settled_day THEN date_format(date_add('day', -1, CAST(undecided_day AS date)), '%Y-%m-%d')
      ELSE settled_day
    END AS known_day
  FROM settled AS s
)
SELECT
  course_id,
  course_name,
  user_id,
  user_key,
  last_day AS last_dt,
  classes,
  classes_seen,
  CASE WHEN known_day >= from_day THEN known_day END AS known_until,
  coalesce(known_day >= from_day AND known_day >= needed_day, false) AS final
FROM known
ORDER BY course_id, user_id
