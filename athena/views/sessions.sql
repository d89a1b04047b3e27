-- One row per session of a room.
--
-- Each day is read twice, as in the view attendance. Users are counted and engagement is weighted
-- from attendance. If Kaltura counts more users for the session, because attendees are missing or
-- because unidentified ones share one row, the view returns Kaltura's count. If the attendees of any
-- day of the session are missing, it returns Kaltura's engagement as well.
WITH shares AS (
  SELECT
    region,
    dt,
    entry_id,
    entry_name,
    parent_entry_id,
    cue_point_id,
    nullif(TRY_CAST(session_start_time AS double), 0) AS started,
    nullif(TRY_CAST(session_end_time AS double), 0) AS ended,
    session_host_user_id AS host,
    TRY_CAST(meeting_view_period_unique_users AS bigint) AS users,
    TRY_CAST(meeting_engaged_play_time_ratio AS double) AS engagement
  FROM room_data
  WHERE granularity = 'day'
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
    max_by(entry_name, dt) AS entry_name,
    max_by(parent_entry_id, dt) AS parent_entry_id,
    max_by(host, dt) AS host,
    min(started) AS started,
    max(ended) AS ended,
    max(users) AS most_users,
    sum(users) AS all_users,
    sum(users * engagement) / nullif(sum(users), 0) AS engagement,
    min(dt) AS first_day,
    max(dt) AS last_day
  FROM placed
  GROUP BY region, day, entry_id, cue_point_id
),
present AS (
  SELECT
    region,
    dt AS day,
    entry_id,
    cue_point_id,
    count(coalesce(user_id, 'Unknown')) AS users,
    count(user_id) < count(*) AS shared,
    sum(view_minutes) AS minutes,
    sum(view_minutes * engagement)
      / nullif(sum(view_minutes) FILTER (WHERE engagement IS NOT NULL), 0) AS engagement,
    min(first_day) AS first_day,
    max(last_day) AS last_day
  FROM attendance
  GROUP BY region, dt, entry_id, cue_point_id
),
joined AS (
  SELECT
    m.*,
    p.users,
    p.minutes,
    coalesce(p.shared, false) AS shared,
    p.engagement AS measured_engagement,
    coalesce(p.first_day = m.first_day AND p.last_day = m.last_day, false) AS complete
  FROM merged AS m
  LEFT JOIN present AS p
    ON p.region = m.region
    AND p.day = m.day
    AND p.entry_id = m.entry_id
    AND p.cue_point_id = m.cue_point_id
)
SELECT
  region AS region, -- Kaltura data centre.
  day AS dt, -- Day on which the session started. A condition on it limits what is scanned.
  entry_id AS entry_id, -- Room.
  nullif(CASE WHEN regexp_like(entry_name, '^''[-=+@\t ]') THEN substr(entry_name, 2) ELSE entry_name END, '')
    AS entry_name, -- Name of the room, as it was at the latest export.
  CASE WHEN parent_entry_id NOT IN ('', '0') THEN parent_entry_id END AS parent_entry_id, -- Room that this room belongs to, if any.
  cue_point_id AS cue_point_id, -- Session.
  from_unixtime(started, '${TimeZone}') AS start_time, -- Start, in the deployment's time zone.
  from_unixtime(ended, '${TimeZone}') AS end_time, -- End; NULL while it runs and if it was never ended.
  (ended - started) / 60 AS duration_minutes, -- Minutes from start to end; NULL if there is no end.
  CASE
    WHEN host IN ('', '0', 'Unknown', 'Error') THEN NULL
    WHEN regexp_like(host, '^''[-=+@\t ]') THEN substr(host, 2)
    ELSE host
  END AS host_user_id, -- User who hosted it; NULL if Kaltura does not identify the user.
  greatest(coalesce(users, 0), coalesce(most_users, 0))
    AS unique_users, -- Users, each counted once over all days, or Kaltura's count of the day with the most if that is larger.
  CASE WHEN complete THEN measured_engagement ELSE engagement END
    AS engagement, -- Share of the view time in which users were engaged, weighted by each user's view time.
  minutes AS view_minutes, -- Sum of the minutes of all users; NULL if no attendees were exported.
  NOT complete OR shared OR coalesce(most_users, 0) > users
    AS estimated, -- true if attendees are missing, unidentified users share a row or Kaltura counts more users; unique_users is then a lower bound or Kaltura's estimate.
  all_users AS kaltura_unique_users, -- Kaltura's estimate (within about 2 %), summed over days: an upper bound if first_day and last_day differ.
  first_day AS first_day, -- First day window in which the session has a row.
  last_day AS last_day -- Last such day window; differs from first_day if the session crosses midnight.
FROM joined
