-- One row per read of an object in the bucket, from S3's server access log. Lines of the log arrive within hours; S3 can deliver one late, twice or not at all.
WITH reads AS (
  SELECT
    log_day,
    request_time,
    remote_ip,
    requester,
    request_id,
    bytes_sent,
    rest,
    coalesce(try(url_decode(url_decode(key))), key) AS object_key,
    coalesce(try(url_decode(request_uri)), request_uri) AS uri,
    coalesce(regexp_extract(requester, '^arn:[a-z-]+:sts::[0-9]+:assumed-role/([^/]+)/', 1), '') AS role
  FROM access_log
  WHERE regexp_like(operation, '[.]GET[.]OBJECT$|_GET$|[.]SELECT[.]')
    AND regexp_like(http_status, '^2')
),
told AS (
  SELECT
    *,
    -- Only what the presigner has signed is believed: any caller can add parameters of their own.
    CASE
      WHEN regexp_like(role, '-PresignerRole-') THEN nullif(regexp_extract(uri, '[?&]x-link=([0-9a-f]+)', 1), '')
    END AS link_id,
    nullif(regexp_extract(uri, '[?&]x-reader=([^&" ]+)', 1), '') AS asked_by,
    nullif(regexp_extract(uri, '[?&]X-Amz-Date=([0-9]{8}T[0-9]{6})Z', 1), '') AS signed,
    nullif(regexp_extract(object_key, '^([a-z][a-z0-9_]*)/granularity=(day|hour)/region=([^/]+)/dt=', 1), '') AS report,
    nullif(regexp_extract(object_key, '^([a-z][a-z0-9_]*)/granularity=(day|hour)/region=([^/]+)/dt=', 2), '') AS granularity,
    nullif(regexp_extract(object_key, '^([a-z][a-z0-9_]*)/granularity=(day|hour)/region=([^/]+)/dt=', 3), '') AS region,
    nullif(regexp_extract(object_key, '_([0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9]{2}Z)?)[.]csv(?:[.]gz)?$', 1), '') AS window_label
  FROM reads
)
SELECT
  t.log_day AS log_day, -- Day of the read in UTC, as 2026/11/22. A condition on it limits what is scanned.
  from_iso8601_timestamp(
    date_format(try(date_parse(t.request_time, '%d/%b/%Y:%H:%i:%s +0000')), '%Y-%m-%dT%H:%i:%sZ')
  ) AS read_at, -- Time at which S3 received the request.
  CASE
    WHEN t.link_id IS NULL THEN nullif(t.requester, '-')
    ELSE coalesce(nullif(r.name, ''), t.asked_by, t.requester)
  END AS reader, -- Who read: for a link, the name of the API key that asked for it, its id if it has no name, or an ARN; otherwise the ARN of the principal.
  CASE
    WHEN t.link_id IS NOT NULL THEN 'link'
    WHEN regexp_like(t.role, '-(Presigner|Downloads)Role-') THEN 'api'
    WHEN regexp_like(t.role, '-(Exporter|Backfill)Role-') THEN 'exporter'
    WHEN regexp_like(t.role, '-EraserRole-') THEN 'eraser'
    WHEN regexp_like(lower(t.rest), 'athena') THEN 'athena'
    ELSE 'direct'
  END AS how, -- link; athena; direct, another program; or the stack itself: api, exporter, eraser. A client chooses the name by which athena is told from direct.
  t.report AS report, -- Report, named like its table; NULL if the object is no file of a report.
  t.region AS region, -- Kaltura data centre.
  t.granularity AS granularity, -- day or hour.
  t.window_label AS window_label, -- Window of the file: a day such as 2026-11-22 or an hour such as 2026-11-22T13Z.
  t.object_key AS object_key, -- Key of the object in the bucket.
  coalesce(try_cast(t.bytes_sent AS bigint), 0) AS bytes_sent, -- Bytes that S3 sent, compressed as stored; fewer than the file has if the reader ended the download or asked for a part.
  t.link_id AS link_id, -- Id of the link, which the log of the API has too; NULL without a link.
  CASE
    WHEN t.link_id IS NOT NULL THEN from_iso8601_timestamp(
      date_format(try(date_parse(t.signed, '%Y%m%dT%H%i%s')), '%Y-%m-%dT%H:%i:%sZ')
    )
  END AS link_signed_at, -- When the link was made; NULL without a link.
  nullif(t.remote_ip, '-') AS remote_ip, -- Address that the request came from, as S3 saw it.
  t.request_id AS request_id -- Id of the request at S3. Rows with the same one are one read.
FROM told AS t
LEFT JOIN readers AS r
  ON r.key_id = t.asked_by
