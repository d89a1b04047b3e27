-- One row per region and stretch of days, from one day to SessionDays + 1 days: whether all of its
-- files exist and are final. From the index of day files; the views with sessions are made of it.
WITH files AS (
  SELECT
    region,
    dt,
    report = 'breakout_sessions' AS is_breakouts,
    report,
    bool_and(state = 'settled') AS settled,
    min(from_iso8601_timestamp(nullif(exported_at, ''))) AS exported_at,
    max(nullif(findings, '')) AS findings
  FROM day_files
  WHERE report IN ('room_data', 'attendees', 'breakout_sessions') AND state <> 'expired'
  GROUP BY region, dt, report
),
spans AS (
  SELECT
    f.*,
    days.n AS more_days,
    date_format(date_add('day', -before.n, CAST(f.dt AS date)), '%Y-%m-%d') AS first_day,
    date_format(date_add('day', days.n - before.n, CAST(f.dt AS date)), '%Y-%m-%d') AS last_day
  FROM files AS f
  CROSS JOIN (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9), (10), (11), (12), (13), (14)) AS days (n)
  CROSS JOIN (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9), (10), (11), (12), (13), (14)) AS before (n)
  WHERE days.n <= ${SessionDays} AND before.n <= days.n
)
SELECT
  region AS region, -- Kaltura data centre.
  first_day AS dt, -- First day of the stretch.
  last_day AS last_day, -- Last day of the stretch, inclusive.
  count_if(NOT is_breakouts) = 2 * (more_days + 1) AS complete, -- true if room_data and attendees have a file for every day.
  count_if(NOT is_breakouts AND settled) = 2 * (more_days + 1) AS final, -- true if all of these files were exported after they settled.
  min(exported_at) FILTER (WHERE NOT is_breakouts) AS exported_at, -- Oldest export among these files.
  array_join(array_agg(findings ORDER BY dt, report) FILTER (WHERE NOT is_breakouts AND findings IS NOT NULL), ' | ')
    AS findings, -- Findings of the quality checks on these files; NULL if there are none.
  count_if(is_breakouts) = more_days + 1 AS breakouts_complete, -- true if breakout_sessions has a file for every day.
  count_if(is_breakouts AND settled) = more_days + 1 AS breakouts_final, -- true if all of these were exported after they settled.
  min(exported_at) FILTER (WHERE is_breakouts) AS breakouts_exported_at -- Oldest export among these.
FROM spans
GROUP BY region, first_day, last_day, more_days
