-- Data freshness: for each report and region, the latest exported window, the latest settled window
-- and the time of the last export. Reads the run records of the last 14 days.
SELECT
  report,
  region,
  granularity,
  max(window_label) AS latest_window,
  max(CASE WHEN state = 'settled' THEN window_label END) AS latest_settled_window,
  max(exported_at) AS last_export,
  date_diff('hour', max(exported_at), current_timestamp) AS hours_since_last_export
FROM exports
WHERE dt >= date_format(date_add('day', -14, current_date), '%Y-%m-%d')
GROUP BY report, region, granularity
ORDER BY report, region, granularity
