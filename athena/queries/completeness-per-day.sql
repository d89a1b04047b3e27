-- Completeness of each of the last 28 days: the state and the row count of the latest export of
-- each day window, or "missing". Reads the run records of the last 63 days.
WITH latest AS (
  SELECT
    report,
    region,
    window_label,
    max_by(state, exported_at) AS state,
    max_by(row_count, exported_at) AS row_count,
    max(exported_at) AS exported_at
  FROM exports
  WHERE dt >= date_format(date_add('day', -63, current_date), '%Y-%m-%d')
    AND granularity = 'day'
  GROUP BY report, region, window_label
),
days AS (
  SELECT date_format(day, '%Y-%m-%d') AS day
  FROM UNNEST(sequence(date_add('day', -28, current_date), date_add('day', -1, current_date), INTERVAL '1' DAY)) AS t (day)
),
series AS (
  SELECT DISTINCT report, region FROM latest
)
SELECT
  s.report,
  s.region,
  d.day,
  coalesce(l.state, 'missing') AS state,
  l.row_count,
  l.exported_at
FROM series AS s
CROSS JOIN days AS d
LEFT JOIN latest AS l
  ON l.report = s.report
  AND l.region = s.region
  AND l.window_label = d.day
ORDER BY s.report, s.region, d.day
