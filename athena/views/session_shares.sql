-- One row per session and day, and one per user in a session and day: what the views sessions and
-- attendance are made of.
--
-- A row in Kaltura's report covers only the part of a session that lies within one day. This view
-- assigns all parts to the day on which the session started, or, of a session that is longer than
-- SessionDays allows, to the first day of each stretch of SessionDays + 1 days. It therefore reads
-- each day once for each number of days that its rows can be moved back by. That number is a
-- constant of each branch, so that dt is a function of the files' own dt alone, and a condition on
-- dt of this view limits the files that are read. Branches beyond SessionDays read nothing.
--
-- Attendees are missing on a day if Kaltura counts users and lists none, or counts more than it lists
-- by over one user and 2 % of its count, which is an estimate. Where unidentified users share a row,
-- only that no row is there can be told.
WITH reported AS (
  SELECT
    region,
    dt,
    entry_id,
    cue_point_id,
    true AS is_session,
    entry_name,
    parent_entry_id,
    session_host_user_id AS host,
    nullif(TRY_CAST(session_start_time AS double), 0) AS started,
    nullif(TRY_CAST(session_end_time AS double), 0) AS ended,
    TRY_CAST(meeting_view_period_unique_users AS bigint) AS users,
    CAST(NULL AS varchar) AS written_id,
    CAST(NULL AS varchar) AS user_id,
    CAST(NULL AS varchar) AS user_name,
    CAST(NULL AS varchar) AS user_email,
    CAST(NULL AS varchar) AS user_type,
    CAST(NULL AS double) AS minutes,
    TRY_CAST(meeting_engaged_play_time_ratio AS double) AS engagement
  FROM room_data
  WHERE granularity = 'day'
  UNION ALL
  SELECT
    region,
    dt,
    entry_id,
    cue_point_id,
    false AS is_session,
    CAST(NULL AS varchar) AS entry_name,
    CAST(NULL AS varchar) AS parent_entry_id,
    CAST(NULL AS varchar) AS host,
    CAST(NULL AS double) AS started,
    CAST(NULL AS double) AS ended,
    CAST(NULL AS bigint) AS users,
    user_id AS written_id,
    CASE
      WHEN user_id IN ('', '0', 'Unknown', 'Error') THEN NULL
      WHEN regexp_like(user_id, '^''[-=+@\t ]') THEN substr(user_id, 2)
      ELSE user_id
    END AS user_id,
    user_name,
    user_email,
    user_type,
    TRY_CAST(meeting_view_time AS double) AS minutes,
    TRY_CAST(meeting_engaged_play_time_ratio AS double) AS engagement
  FROM attendees
  WHERE granularity = 'day'
),
dated AS (
  SELECT
    r.*,
    min(started) OVER (PARTITION BY region, dt, entry_id, cue_point_id) AS day_started
  FROM reported AS r
),
-- A user has one row per session and day. If a file has several, the longest counts.
copied AS (
  SELECT
    d.*,
    row_number() OVER (
      PARTITION BY region, dt, entry_id, cue_point_id, is_session, written_id
      ORDER BY minutes DESC NULLS LAST
    ) AS copy_number
  FROM dated AS d
),
days AS (
  SELECT
    c.*,
    count_if(NOT is_session) OVER (PARTITION BY region, dt, entry_id, cue_point_id) AS attendees,
    count_if(NOT is_session AND user_id IS NULL) OVER (PARTITION BY region, dt, entry_id, cue_point_id) AS unidentified
  FROM copied AS c
  WHERE is_session OR copy_number = 1
),
aged AS (
  SELECT
    d.*,
    greatest(
      coalesce(date_diff('day', CAST(from_unixtime(day_started, '${TimeZone}') AS date), CAST(dt AS date)), 0),
      0
    ) % (${SessionDays} + 1) AS days_back
  FROM days AS d
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
sessions_of AS (
  SELECT
    p.*,
    min(day_started) OVER (PARTITION BY region, start_day, entry_id, cue_point_id) AS session_started,
    max(ended) OVER (PARTITION BY region, start_day, entry_id, cue_point_id) AS session_ended,
    max(dt) OVER (PARTITION BY region, start_day, entry_id, cue_point_id) AS last_day,
    bool_or(
      is_session
      AND users > 0
      AND (attendees = 0 OR (unidentified = 0 AND 50 * (users - attendees) > 50 + users))
    ) OVER (PARTITION BY region, start_day, entry_id, cue_point_id) AS lacks_attendees
  FROM placed AS p
),
bounded AS (
  SELECT
    s.*,
    date_format(date_add('day', ${SessionDays}, CAST(start_day AS date)), '%Y-%m-%d') AS limit_day,
    date_format(from_unixtime(coalesce(session_ended, session_started), '${TimeZone}'), '%Y-%m-%d') AS end_day
  FROM sessions_of AS s
),
spanned AS (
  SELECT
    b.*,
    greatest(last_day, least(coalesce(end_day, last_day), limit_day)) AS known_last_day,
    CASE
      WHEN session_ended IS NULL THEN limit_day
      ELSE greatest(last_day, least(coalesce(end_day, last_day), limit_day))
    END AS possible_last_day
  FROM bounded AS b
)
SELECT
  s.region AS region, -- Kaltura data centre.
  s.start_day AS dt, -- Day on which the session started. A condition on it limits what is scanned.
  s.dt AS day, -- Day window that the row comes from.
  s.entry_id AS entry_id, -- Room.
  s.cue_point_id AS cue_point_id, -- Session.
  s.is_session AS is_session, -- true for a row of room_data, false for one of attendees.
  s.entry_name AS entry_name, -- Name of the room, as in room_data.
  s.parent_entry_id AS parent_entry_id, -- Room that this room belongs to, as in room_data.
  s.host AS host, -- User who hosted the session, as in room_data.
  s.session_started AS started, -- Start of the session, Unix time in seconds.
  s.session_ended AS ended, -- End of the session, Unix time in seconds; NULL while it runs and if it was never ended.
  s.users AS users, -- Kaltura's count of users on that day.
  s.attendees AS attendees, -- Rows of attendees for the session on that day.
  s.unidentified AS unidentified, -- Those of them that are of users whom Kaltura does not identify.
  s.user_id AS user_id, -- User; NULL for users that Kaltura does not identify.
  s.user_name AS user_name, -- Name of the user, as in attendees.
  s.user_email AS user_email, -- Email address, as in attendees.
  s.user_type AS user_type, -- Role in the session, as in attendees.
  s.minutes AS view_minutes, -- Minutes of the user in the session on that day.
  s.engagement AS engagement, -- Share of the time on that day in which the user was, or the users were, engaged.
  coalesce(possible.final, false) AS final, -- true if every file in which the session can have a row was exported after it settled.
  known.exported_at AS exported_at, -- Oldest export among the files of the session's days.
  coalesce(NOT known.complete, true) OR coalesce(s.lacks_attendees, false)
    AS missing_day, -- true if a day of the session has no file, or lacks attendees that Kaltura counts.
  known.findings AS findings, -- Findings of the quality checks on the files of the session's days; NULL if there are none.
  CASE WHEN s.session_ended IS NULL THEN s.last_day >= s.limit_day ELSE s.end_day > s.limit_day END
    OR coalesce(date_format(from_unixtime(s.session_started, '${TimeZone}'), '%Y-%m-%d') < s.start_day, false)
    AS cut_off -- true if the session is longer than SessionDays, so that its rows are not all assigned to one day.
FROM spanned AS s
LEFT JOIN day_spans AS known
  ON known.region = s.region
  AND known.dt = s.start_day
  AND known.last_day = s.known_last_day
LEFT JOIN day_spans AS possible
  ON possible.region = s.region
  AND possible.dt = s.start_day
  AND possible.last_day = s.possible_last_day
