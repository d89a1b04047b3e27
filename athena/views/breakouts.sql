-- One row per breakout session.
--
-- Days are read as in the view session_shares. Kaltura does not report which users were in a
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
aged AS (
  SELECT
    s.*,
    greatest(
      coalesce(date_diff('day', CAST(from_unixtime(started, '${TimeZone}') AS date), CAST(dt AS date)), 0),
      0
    ) % (${SessionDays} + 1) AS days_back
  FROM shares AS s
),
placed AS (
  SELECT dt AS start_day, a.* FROM aged AS a WHERE days_back = 0
  UNION ALL
  SELECT date_format(date_add('day', -1, CAST(dt AS date)), '%Y-%m-%d'), a.* FROM aged AS a WHERE days_back = 1 AND 1 <= ${SessionDays}
  UNION ALL
  SELECT date_format(date_add('day', -2, CAST(dt AS date)), '%Y-%m-%d'), a.* FROM aged AS a WHERE days_back = 2 AND 2 <= ${SessionDays}
  UNION ALL
  SELECT date_format(date_add('day', -3, CAST(dt AS date)), '%Y-%m-%d'), a.* FROM aged AS a WHERE days_back = 3 AND 3 <= ${SessionDays}
  UNION ALL
  SELECT date_format(date_add('day', -4, CAST(dt AS date)), '%Y-%m-%d'), a.* FROM aged AS a WHERE days_back = 4 AND 4 <= ${SessionDays}
  UNION ALL
  SELECT date_format(date_add('day', -5, CAST(dt AS date)), '%Y-%m-%d'), a.* FROM aged AS a WHERE days_back = 5 AND 5 <= ${SessionDays}
  UNION ALL
  SELECT date_format(date_add('day', -6, CAST(dt AS date)), '%Y-%m-%d'), a.* FROM aged AS a WHERE days_back = 6 AND 6 <= ${SessionDays}
  UNION ALL
  SELECT date_format(date_add('day', -7, CAST(dt AS date)), '%Y-%m-%d'), a.* FROM aged AS a WHERE days_back = 7 AND 7 <= ${SessionDays}
  UNION ALL
  SELECT date_format(date_add('day', -8, CAST(dt AS date)), '%Y-%m-%d'), a.* FROM aged AS a WHERE days_back = 8 AND 8 <= ${SessionDays}
  UNION ALL
  SELECT date_format(date_add('day', -9, CAST(dt AS date)), '%Y-%m-%d'), a.* FROM aged AS a WHERE days_back = 9 AND 9 <= ${SessionDays}
  UNION ALL
  SELECT date_format(date_add('day', -10, CAST(dt AS date)), '%Y-%m-%d'), a.* FROM aged AS a WHERE days_back = 10 AND 10 <= ${SessionDays}
  UNION ALL
  SELECT date_format(date_add('day', -11, CAST(dt AS date)), '%Y-%m-%d'), a.* FROM aged AS a WHERE days_back = 11 AND 11 <= ${SessionDays}
  UNION ALL
  SELECT date_format(date_add('day', -12, CAST(dt AS date)), '%Y-%m-%d'), a.* FROM aged AS a WHERE days_back = 12 AND 12 <= ${SessionDays}
  UNION ALL
  SELECT date_format(date_add('day', -13, CAST(dt AS date)), '%Y-%m-%d'), a.* FROM aged AS a WHERE days_back = 13 AND 13 <= ${SessionDays}
  UNION ALL
  SELECT date_format(date_add('day', -14, CAST(dt AS date)), '%Y-%m-%d'), a.* FROM aged AS a WHERE days_back = 14 AND 14 <= ${SessionDays}
),
merged AS (
  SELECT
    region,
    start_day,
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
  GROUP BY region, start_day, parent_entry_id, breakout_entry_id, cue_point_id
),
bounded AS (
  SELECT
    m.*,
    date_format(date_add('day', ${SessionDays}, CAST(start_day AS date)), '%Y-%m-%d') AS limit_day,
    date_format(from_unixtime(coalesce(ended, started), '${TimeZone}'), '%Y-%m-%d') AS end_day
  FROM merged AS m
),
spanned AS (
  SELECT
    b.*,
    greatest(last_day, least(coalesce(end_day, last_day), limit_day)) AS known_last_day,
    CASE
      WHEN ended IS NULL THEN limit_day
      ELSE greatest(last_day, least(coalesce(end_day, last_day), limit_day))
    END AS possible_last_day
  FROM bounded AS b
)
SELECT
  b.region AS region, -- Kaltura data centre.
  b.start_day AS dt, -- Day on which the breakout session started. A condition on it limits what is scanned.
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
  CASE WHEN b.first_day = b.last_day THEN engagement ELSE weighted_engagement END
    AS engagement, -- Kaltura's rate; across midnight, the mean of the days weighted by participants.
  b.first_day <> b.last_day AS estimated, -- true if the breakout session crosses midnight, so that participants and engagement are bounds or means of Kaltura's values.
  b.first_day AS first_day, -- First day window in which the breakout session has a row.
  b.last_day AS last_day, -- Last such day window; differs from first_day if it crosses midnight.
  coalesce(possible.breakouts_final, false) AS final, -- true if every file in which the breakout session can have a row was exported after it settled.
  known.breakouts_exported_at AS exported_at, -- Oldest export among the files of the breakout session's days.
  coalesce(NOT known.breakouts_complete, true) AS missing_day -- true if a day of the breakout session has no file.
FROM spanned AS b
LEFT JOIN day_spans AS known
  ON known.region = b.region
  AND known.dt = b.start_day
  AND known.last_day = b.known_last_day
LEFT JOIN day_spans AS possible
  ON possible.region = b.region
  AND possible.dt = b.start_day
  AND possible.last_day = b.possible_last_day
