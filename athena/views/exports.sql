-- One row per file that a run wrote, from the run records.
SELECT
  r.dt AS dt, -- Day of the run, in UTC. A condition on it limits what is scanned.
  r.run_id AS run_id, -- Run.
  r.trigger AS run_trigger, -- What started the run: schedule, event or backfill.
  from_iso8601_timestamp(r.finished_at) AS exported_at, -- End of the run that wrote the file.
  e.report AS report, -- Report, named like its table.
  e.region AS region, -- Kaltura data centre.
  e.granularity AS granularity, -- day or hour.
  e.start AS window_label, -- Window of the file: a day such as 2026-11-22 or an hour such as 2026-11-22T13Z.
  e.reason AS reason, -- Why the export was due.
  e.state AS state, -- settled: final; settling: exported before Kaltura's data is final; open: exported before the window ended.
  e.rows AS row_count, -- Rows in the file.
  e.size AS size_bytes, -- Size of the file before compression.
  e.same AS unchanged, -- true if the file is identical to the previous export.
  e.change.added AS rows_added, -- Rows that the previous export did not have; NULL if there was none.
  e.change.removed AS rows_removed, -- Rows that only the previous export had.
  e.change.altered AS rows_altered, -- Rows whose values differ from the previous export.
  e.change.renamed AS rows_renamed, -- Those of rows_altered that differ in names of rooms and users only.
  e.fewer_rows_than AS fewer_rows_than, -- Rows of the previous export, if a forced export accepted fewer; otherwise NULL.
  e.time_zone AS window_time_zone, -- Time zone that the window was cut in.
  e.filters AS filters_digest, -- Digest of the filters that the file was made with; none without filters.
  e.source AS source_url, -- Address that the file was fetched from.
  from_iso8601_timestamp(e.previous_exported_at) AS previous_exported_at, -- When the previous export began to be fetched; NULL if there was none.
  e.privacy AS privacy_digest -- Digest of the columns that were dropped or have pseudonyms, and of the key; none if all are published.
FROM runs AS r
CROSS JOIN UNNEST(r.exported) AS e (
  task, report, region, granularity, start, reason, state, rows, size, sha256, pieces,
  unknown_columns, replaced_bytes, change, same, fewer_rows_than, window_start, window_end, time_zone,
  filters, source, sessions, users, minutes, previous_exported_at, privacy
)
