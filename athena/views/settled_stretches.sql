-- One row per region and stretch of days of which all files of room_data and attendees are settled.
--
-- From the index of day files. On the day before a stretch and on the day after it, a file is missing
-- or not settled, so that classes of these days may not be known.
WITH days AS (
  SELECT
    region,
    dt,
    count_if(state = 'settled') = 2 AS settled
  FROM day_files
  WHERE report IN ('room_data', 'attendees')
  GROUP BY region, dt
),
numbered AS (
  SELECT
    region,
    dt,
    settled,
    min(dt) OVER (PARTITION BY region) AS earliest_day,
    date_format(
      date_add('day', -row_number() OVER (PARTITION BY region, settled ORDER BY dt), CAST(dt AS date)),
      '%Y-%m-%d'
    ) AS stretch
  FROM days
)
SELECT
  region AS region, -- Kaltura data centre.
  min(dt) AS first_day, -- First day of the stretch.
  max(dt) AS last_day, -- Last day of the stretch, inclusive.
  min(dt) = max(earliest_day) AS is_first -- true if the region has no file of an earlier day.
FROM numbered
WHERE settled
GROUP BY region, stretch
