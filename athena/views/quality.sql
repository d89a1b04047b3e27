-- One row per finding of the quality checks, from the run records.
SELECT
  r.dt AS dt, -- Day of the run, in UTC. A condition on it limits what is scanned.
  r.run_id AS run_id, -- Run that found it.
  from_iso8601_timestamp(r.finished_at) AS found_at, -- End of that run.
  q.code AS code, -- Kind of finding.
  q.report AS report, -- Report, named like its table.
  q.region AS region, -- Kaltura data centre.
  q.granularity AS granularity, -- day or hour.
  q.start AS window_label, -- Window of the file: a day such as 2026-11-22 or an hour such as 2026-11-22T13Z.
  q.text AS text, -- The finding in words.
  q.value AS value, -- What was counted; NULL if nothing was.
  q.expected AS expected -- What would be usual; NULL if there is no such number.
FROM runs AS r
CROSS JOIN UNNEST(r.quality) AS q (code, report, region, granularity, start, text, value, expected)
