-- Data freshness: for each report and region, the latest exported window, the latest settled window,
-- the time of the last export, and what was overdue after the latest scheduled run: how many windows,
-- the oldest of them, and for how many hours. Reads the run records of the last 14 days.
WITH written AS (
  SELECT
    report,
    region,
    granularity,
    max(window_label) AS latest_window,
    max(CASE WHEN state = 'settled' THEN window_label END) AS latest_settled_window,
    max(exported_at) AS last_export
  FROM exports
  WHERE dt >= date_format(date_add('day', -14, current_date), '%Y-%m-%d')
  GROUP BY report, region, granularity
),
overdue AS (
  SELECT
    f.report,
    f.region,
    f.granularity,
    max_by(f.due, r.finished_at) AS due,
    max_by(coalesce(f.oldest_due, ''), r.finished_at) AS oldest_due,
    max_by(f.hours_late, r.finished_at) AS hours_late
  FROM runs AS r
  CROSS JOIN UNNEST(r.freshness) AS f (
    report, region, granularity, due, oldest_due, hours_late, deferred
  )
  WHERE r.dt >= date_format(date_add('day', -14, current_date), '%Y-%m-%d')
    AND r.trigger = 'schedule'
  GROUP BY f.report, f.region, f.granularity
)
SELECT
  coalesce(w.report, o.report) AS report,
  coalesce(w.region, o.region) AS region,
  coalesce(w.granularity, o.granularity) AS granularity,
  w.latest_window,
  w.latest_settled_window,
  w.last_export,
  date_diff('hour', w.last_export, current_timestamp) AS hours_since_last_export,
  o.due AS windows_overdue,
  nullif(o.oldest_due, '') AS oldest_overdue_window,
  o.hours_late
FROM written AS w
FULL JOIN overdue AS o
  ON o.report = w.report
  AND o.region = w.region
  AND o.granularity = w.granularity
ORDER BY 1, 2, 3
