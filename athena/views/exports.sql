-- One row per file that a run wrote, from the run records.
SELECT
  r.dt AS dt, -- Day of the run, in UTC. A condition on it limits what is scanned.
  r.run_id AS run_id, -- Run.
  r.trigger AS run_trigger, -- What started the run.
  from_iso8601_timestamp(r.finished_at) AS exported_at, -- End of the run that wrote the file.
  e.report AS report, -- Report, by the name of its table.
  e.region AS region, -- Kaltura data centre.
  e.granularity AS granularity, -- day or hour.
  e.start AS window_label, -- Window that the file is of: a day like 2026-11-22, or an hour like 2026-11-22T13Z.
  e.reason AS reason, -- Why it was due.
  e.state AS state, -- settled: final; settling: exported before Kaltura's figures settle; open: exported before the window's end.
  e.rows AS row_count, -- Rows in the file.
  e.size AS size_bytes, -- Size of the file before compression.
  e.same AS unchanged, -- true: the same bytes as the export before it.
  e.change.added AS rows_added, -- Rows that the export before it did not have; NULL if there was none.
  e.change.removed AS rows_removed, -- Rows that only the export before it had.
  e.change.altered AS rows_altered -- Rows with other values than in the export before it.
FROM runs AS r
CROSS JOIN UNNEST(r.exported) AS e (
  task, report, region, granularity, start, reason, state, rows, size, sha256, pieces,
  unknown_columns, replaced_bytes, change, same
)
