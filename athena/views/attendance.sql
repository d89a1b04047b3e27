-- One row per user in a session.
--
-- A row in Kaltura's report covers only the part of a session that lies within one day. A session
-- that crosses midnight has rows in both days, and this view assigns both to the day on which the
-- session started. It therefore reads each day twice: for the sessions that started on it, and for
-- the rest of the sessions that started on the day before. Both are selected by dt alone, so that a
-- condition on dt of this view limits the files that are read.
WITH shares AS (
  SELECT
    a.region,
    a.dt,
    a.entry_id,
    a.cue_point_id,
    CASE
      WHEN a.user_id IN ('', '0', 'Unknown', 'Error') THEN NULL
      WHEN regexp_like(a.user_id, '^''[-=+@\t ]') THEN substr(a.user_id, 2)
      ELSE a.user_id
    END AS user_id,
    a.user_name,
    a.user_email,
    a.user_type,
    TRY_CAST(a.meeting_view_time AS double) AS minutes,
    TRY_CAST(a.meeting_engaged_play_time_ratio AS double) AS engagement,
    r.entry_name,
    nullif(TRY_CAST(r.session_start_time AS double), 0) AS started
  FROM attendees AS a
  LEFT JOIN room_data AS r
    ON r.region = a.region
    AND r.dt = a.dt
    AND r.entry_id = a.entry_id
    AND r.cue_point_id = a.cue_point_id
    AND r.granularity = 'day'
  WHERE a.granularity = 'day'
),
placed AS (
  SELECT dt AS day, s.*
  FROM shares AS s
  WHERE coalesce(date_format(from_unixtime(started, '${TimeZone}'), '%Y-%m-%d'), dt) >= dt
  UNION ALL
  SELECT date_format(date_add('day', -1, CAST(dt AS date)), '%Y-%m-%d') AS day, s.*
  FROM shares AS s
  WHERE date_format(from_unixtime(started, '${TimeZone}'), '%Y-%m-%d') < dt
),
merged AS (
  SELECT
    region,
    day,
    entry_id,
    cue_point_id,
    user_id,
    max_by(entry_name, dt) FILTER (WHERE entry_name IS NOT NULL) AS entry_name,
    max_by(user_name, dt) AS user_name,
    max_by(user_email, dt) AS user_email,
    max_by(user_type, dt) AS user_type,
    min(started) AS started,
    sum(minutes) AS minutes,
    sum(minutes * engagement)
      / nullif(sum(minutes) FILTER (WHERE engagement IS NOT NULL), 0) AS engagement,
    min(dt) AS first_day,
    max(dt) AS last_day
  FROM placed
  GROUP BY region, day, entry_id, cue_point_id, user_id
)
SELECT
  region AS region, -- Kaltura data centre.
  day AS dt, -- Day on which the session started. A condition on it limits what is scanned.
  entry_id AS entry_id, -- Room.
  nullif(CASE WHEN regexp_like(entry_name, '^''[-=+@\t ]') THEN substr(entry_name, 2) ELSE entry_name END, '')
    AS entry_name, -- Name of the room, as it was at the latest export.
  cue_point_id AS cue_point_id, -- Session.
  from_unixtime(started, '${TimeZone}') AS start_time, -- Start of the session, in the deployment's time zone.
  user_id AS user_id, -- User; NULL for users that Kaltura does not identify, who share one row.
  nullif(CASE WHEN regexp_like(user_name, '^''[-=+@\t ]') THEN substr(user_name, 2) ELSE user_name END, '')
    AS user_name, -- Name of the user, as it was at the latest export.
  CASE
    WHEN user_email IN ('', '0') THEN NULL
    WHEN regexp_like(user_email, '^''[-=+@\t ]') THEN substr(user_email, 2)
    ELSE user_email
  END AS user_email, -- Email address, as it was at the latest export.
  CASE
    WHEN user_type IN ('', '0') THEN NULL
    WHEN regexp_like(user_type, '^''[-=+@\t ]') THEN substr(user_type, 2)
    ELSE user_type
  END AS user_type, -- Role in the session, such as host or attendee.
  minutes AS view_minutes, -- Minutes in the session, over all days.
  engagement AS engagement, -- Share of view_minutes in which the user was engaged.
  first_day AS first_day, -- First day window in which the user was seen in the session.
  last_day AS last_day -- Last such day window; differs from first_day if the session crosses midnight.
FROM merged
