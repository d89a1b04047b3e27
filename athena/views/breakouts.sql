-- One row per breakout session.
--
-- Each day is read twice, as in the view attendance. Kaltura does not report which users were in a
-- breakout session, so the users of one that crosses midnight cannot be counted. The view returns a
-- lower and an upper bound instead.
WITH shares AS (
  SELECT
    region,
    dt,
    parent_entry_id,
    parent_entry_name,
    breakout_entry_id,
    breakout_entry_name,
    cue_point_id,
    session_initiator,
    nullif(TRY_CAST(session_start_time AS double), 0) AS started,
    nullif(TRY_CAST(session_end_time AS double), 0) AS ended,
    nullif(TRY_CAST(duration AS double), 0) AS seconds,
    TRY_CAST(participant_count AS bigint) AS users,
    TRY_CAST(engagement_rate AS double) AS engagement
  FROM breakout_sessions
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
    parent_entry_id,
    breakout_entry_id,
    cue_point_id,
    max_by(parent_entry_name, dt) AS parent_entry_name,
    max_by(breakout_entry_name, dt) AS breakout_entry_name,
    max_by(session_initiator, dt) AS initiator,
    min(started) AS started,
    max(ended) AS ended,
    max(seconds) AS seconds,
    max(users) AS most_users,
    sum(users) AS all_users,
    max(engagement) AS engagement,
    sum(users * engagement) / nullif(sum(users), 0) AS weighted_engagement,
    min(dt) AS first_day,
    max(dt) AS last_day
  FROM placed
  GROUP BY region, day, parent_entry_id, breakout_entry_id, cue_point_id
)
SELECT
  region AS region, -- Kaltura data centre.
  day AS dt, -- Day on which the breakout session started. A condition on it limits what is scanned.
  parent_entry_id AS parent_entry_id, -- Room that the breakout room belongs to.
  nullif(CASE WHEN regexp_like(parent_entry_name, '^''[-=+@\t ]') THEN substr(parent_entry_name, 2) ELSE parent_entry_name END, '')
    AS parent_entry_name, -- Name of that room, as it was at the latest export.
  breakout_entry_id AS breakout_entry_id, -- Breakout room.
  nullif(CASE WHEN regexp_like(breakout_entry_name, '^''[-=+@\t ]') THEN substr(breakout_entry_name, 2) ELSE breakout_entry_name END, '')
    AS breakout_entry_name, -- Name of the breakout room, as it was at the latest export.
  cue_point_id AS cue_point_id, -- Breakout session.
  CASE
    WHEN initiator IN ('', '0', 'Unknown', 'Error') THEN NULL
    WHEN regexp_like(initiator, '^''[-=+@\t ]') THEN substr(initiator, 2)
    ELSE initiator
  END AS initiator_user_id, -- User who started it; NULL if Kaltura does not identify the user.
  from_unixtime(started, '${TimeZone}') AS start_time, -- Start, in the deployment's time zone.
  from_unixtime(ended, '${TimeZone}') AS end_time, -- End; NULL while it runs and if it was never ended.
  coalesce(seconds, ended - started) / 60 AS duration_minutes, -- Duration that Kaltura reports; NULL if there is no end.
  most_users AS participants, -- Kaltura's count; a lower bound if first_day and last_day differ.
  all_users AS participants_at_most, -- The same count; an upper bound if first_day and last_day differ.
  CASE WHEN first_day = last_day THEN engagement ELSE weighted_engagement END
    AS engagement, -- Kaltura's rate; across midnight, the mean of the days weighted by participants.
  first_day <> last_day AS estimated, -- true if the breakout session crosses midnight, so that participants and engagement are bounds or means of Kaltura's values.
  first_day AS first_day, -- First day window in which the breakout session has a row.
  last_day AS last_day -- Last such day window; differs from first_day if it crosses midnight.
FROM merged
