-- One row per session of a room, and one per person in it, with the class that they are part of: what
-- the view attendance_status is made of.
--
-- A session is in the class of the one before if it starts at most gap_minutes after the room was last
-- busy, also across midnight. In a room with several courses, both must be for the same course, or both
-- must not tell: at least two people were seen who are on the roster of that course alone, and they are
-- two thirds of all such people. People without a session are a class of their own.
WITH shares AS (
  SELECT
    region,
    dt,
    entry_id,
    cue_point_id,
    is_session,
    regexp_replace(user_id, '^ +| +$', '') AS user_id,
    CASE WHEN is_session AND parent_entry_id <> '0' THEN nullif(parent_entry_id, '') END AS parent,
    NOT is_session AND view_minutes IS NULL AS unmeasured,
    CASE WHEN is_session AND unidentified > 0 THEN users - (attendees - unidentified) END AS unknown_users,
    coalesce(CAST(round(60000 * view_minutes) AS bigint), 0) AS ms,
    CAST(round(1000 * started) AS bigint) AS started,
    CAST(round(1000 * ended) AS bigint) AS ended,
    users,
    final,
    exported_at,
    missing_day,
    cut_off,
    findings
  FROM session_shares
),
keyed AS (
  SELECT
    s.*,
    nullif(
      regexp_replace(
        regexp_replace(CASE WHEN p.ignore_case THEN lower(s.user_id) ELSE s.user_id END, p.prefix_pattern, ''),
        p.domain_pattern,
        ''
      ),
      ''
    ) AS user_key
  FROM shares AS s
  CROSS JOIN policy AS p
),
-- A row per session (place 0), and one per person in a session (place 1); and the sessions that
-- started and ended on the day before (place -1), which a session may continue.
parts AS (
  SELECT
    region,
    dt,
    entry_id,
    cue_point_id,
    CASE WHEN is_session THEN 0 ELSE 1 END AS place,
    user_key,
    CAST(sum(ms) AS bigint) AS ms,
    max(parent) AS parent,
    bool_or(unmeasured) AS unmeasured,
    max(unknown_users) AS unknown_users,
    max(started) AS started,
    max(ended) AS ended,
    max(users) AS users,
    bool_and(final) AS final,
    min(exported_at) AS exported_at,
    bool_or(missing_day) AS missing_day,
    bool_or(cut_off) AS cut_off,
    max(findings) AS findings
  FROM keyed
  GROUP BY region, dt, entry_id, cue_point_id, is_session, user_key
  UNION ALL
  SELECT
    region,
    date_format(date_add('day', 1, CAST(dt AS date)), '%Y-%m-%d') AS dt,
    entry_id,
    cue_point_id,
    -1 AS place,
    CAST(NULL AS varchar) AS user_key,
    CAST(0 AS bigint) AS ms,
    CAST(NULL AS varchar) AS parent,
    false AS unmeasured,
    CAST(NULL AS bigint) AS unknown_users,
    CAST(round(1000 * TRY_CAST(session_start_time AS double)) AS bigint) AS started,
    CAST(round(1000 * TRY_CAST(session_end_time AS double)) AS bigint) AS ended,
    CAST(NULL AS bigint) AS users,
    CAST(NULL AS boolean) AS final,
    CAST(NULL AS timestamp(3) with time zone) AS exported_at,
    CAST(NULL AS boolean) AS missing_day,
    CAST(NULL AS boolean) AS cut_off,
    CAST(NULL AS varchar) AS findings
  FROM room_data
  WHERE granularity = 'day'
    AND TRY_CAST(session_end_time AS double) > 0
    AND date_format(from_unixtime(TRY_CAST(session_start_time AS double), '${TimeZone}'), '%Y-%m-%d') = dt
),
timed AS (
  SELECT
    p.*,
    coalesce(ended, started + coalesce(max(CASE WHEN user_key IS NOT NULL THEN ms END) OVER (PARTITION BY region, dt, entry_id, cue_point_id), 0))
      AS session_end,
    nullif(max(ms) OVER (PARTITION BY region, dt, entry_id, cue_point_id), 0) AS longest
  FROM parts AS p
),
following AS (
  SELECT
    t.*,
    max(greatest(started, session_end)) OVER (
      PARTITION BY region, dt, entry_id
      ORDER BY started, cue_point_id, place
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS busy_until
  FROM timed AS t
),
-- Sessions before the first that begins something on its own day continue a class of the day before.
continuing AS (
  SELECT
    f.*,
    started IS NOT NULL AND coalesce(
      sum(CASE WHEN place = 0 AND (busy_until IS NULL OR started - busy_until > 60000 * p.gap_minutes) THEN 1 ELSE 0 END) OVER (
        PARTITION BY region, dt, entry_id
        ORDER BY started, cue_point_id, place
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ),
      0
    ) = 0 AS continues
  FROM following AS f
  CROSS JOIN policy AS p
),
-- With the sessions of the next day (is_next), which only tell what may be missing.
placed AS (
  SELECT dt AS class_day, false AS is_next, c.* FROM continuing AS c WHERE place >= 0 AND NOT continues
  UNION ALL
  SELECT date_format(date_add('day', -1, CAST(dt AS date)), '%Y-%m-%d'), NOT continues, c.* FROM continuing AS c WHERE place = 0 OR (place = 1 AND (continues OR started IS NULL))
),
noted AS (
  SELECT
    p.*,
    bool_or(NOT is_next AND started IS NULL) OVER (PARTITION BY region, class_day, entry_id) AS lost_today,
    bool_or(is_next AND started IS NULL) OVER (PARTITION BY region, class_day, entry_id) AS lost_tomorrow,
    bool_or(is_next AND started IS NULL) OVER (PARTITION BY region, class_day, entry_id, cue_point_id) AS lost_part,
    bool_or(is_next AND started IS NOT NULL) OVER (PARTITION BY region, class_day, entry_id) AS used_tomorrow
  FROM placed AS p
),
-- The course of each session of a room with several courses, as for a class below.
candidates AS (
  SELECT
    n.*,
    row_number() OVER (PARTITION BY n.region, n.class_day, n.dt, n.entry_id, n.cue_point_id, n.place, n.user_key) AS repetition,
    min(r.course_id) OVER (PARTITION BY n.region, n.class_day, n.dt, n.entry_id, n.cue_point_id, n.place, n.user_key) AS first_of_room,
    max(r.course_id) OVER (PARTITION BY n.region, n.class_day, n.dt, n.entry_id, n.cue_point_id, n.place, n.user_key) AS last_of_room,
    min(e.course_id) OVER (PARTITION BY n.region, n.class_day, n.dt, n.entry_id, n.cue_point_id, n.place, n.user_key) AS first_of_user,
    max(e.course_id) OVER (PARTITION BY n.region, n.class_day, n.dt, n.entry_id, n.cue_point_id, n.place, n.user_key) AS last_of_user
  FROM noted AS n
  LEFT JOIN room_entries AS r
    ON r.entry_id = n.entry_id
    AND coalesce(r.valid_from, '') <= n.class_day
    AND n.class_day < coalesce(r.valid_to, '9999-12-31')
  LEFT JOIN roster_entries AS e
    ON n.place = 1
    AND e.course_id = r.course_id
    AND e.user_key = n.user_key
    AND coalesce(e.valid_from, '') <= n.class_day
    AND n.class_day < coalesce(e.valid_to, '9999-12-31')
  WHERE NOT n.is_next
),
tellers AS (
  SELECT
    c.*,
    CASE WHEN first_of_room <> last_of_room AND first_of_user = last_of_user THEN first_of_user END AS tells
  FROM candidates AS c
  WHERE repetition = 1
),
supported AS (
  SELECT
    t.*,
    count(tells) OVER (PARTITION BY region, class_day, dt, entry_id, cue_point_id) AS tellers,
    count(tells) OVER (PARTITION BY region, class_day, dt, entry_id, cue_point_id, tells) AS tellers_of_course
  FROM tellers AS t
),
assigned AS (
  SELECT
    s.*,
    coalesce(
      max(CASE WHEN tellers_of_course >= 2 AND 3 * tellers_of_course >= 2 * tellers THEN tells END)
        OVER (PARTITION BY region, class_day, dt, entry_id, cue_point_id),
      ''
    ) AS session_course
  FROM supported AS s
),
preceded AS (
  SELECT
    region,
    class_day AS dt,
    entry_id,
    cue_point_id,
    place,
    user_key,
    ms,
    parent,
    unmeasured,
    unknown_users,
    started,
    ended,
    session_end,
    coalesce(least(session_end, started + longest), session_end) AS left_at,
    session_course,
    users,
    final,
    exported_at,
    missing_day,
    cut_off,
    findings,
    lost_today,
    lost_tomorrow,
    lost_part,
    used_tomorrow,
    lag(session_course) OVER (PARTITION BY region, class_day, entry_id ORDER BY started, cue_point_id, place) AS course_before,
    max(greatest(started, session_end)) OVER (
      PARTITION BY region, class_day, entry_id
      ORDER BY started, cue_point_id, place
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS room_busy_until
  FROM assigned
),
separated AS (
  SELECT
    c.*,
    CASE
      WHEN place = 0 AND (
        room_busy_until IS NULL OR started - room_busy_until > 60000 * p.gap_minutes OR session_course <> course_before
      ) THEN 1
      ELSE 0
    END AS begins
  FROM preceded AS c
  CROSS JOIN policy AS p
),
numbered AS (
  SELECT
    s.*,
    sum(begins) OVER (
      PARTITION BY region, dt, entry_id
      ORDER BY started, cue_point_id, place
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS class_number
  FROM separated AS s
),
ordered AS (
  SELECT
    n.*,
    max(left_at) OVER (
      PARTITION BY region, dt, entry_id, class_number
      ORDER BY started, cue_point_id, place
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS class_left_at
  FROM numbered AS n
)
SELECT
  region AS region, -- Kaltura data centre.
  dt AS dt, -- Day on which the class started. A condition on it limits what is scanned.
  entry_id AS entry_id, -- Room.
  class_number AS class_number, -- Number of the class among those of the room on the day.
  CASE WHEN started IS NULL THEN cue_point_id ELSE '' END AS orphan, -- Session of which there are only people; empty if room_data has it.
  cue_point_id AS cue_point_id, -- Session.
  place = 0 AS is_session, -- true for the session, false for a person in it.
  begins = 1 AS is_first, -- true for the first session of a class.
  parent AS parent, -- Room that this room belongs to; NULL if there is none.
  user_key AS user_key, -- The id under the rules of the policy; NULL for users without one, who share one row.
  ms AS ms, -- Milliseconds of the person in the session.
  unmeasured AS unmeasured, -- true if the minutes of a row are not known.
  unknown_users AS unknown_users, -- Users of the session whom Kaltura counts and does not identify, on the day with most of them.
  started AS started, -- Start of the session, Unix time in milliseconds.
  ended AS ended, -- End of the session, Unix time in milliseconds; NULL if it was never ended.
  session_end AS session_end, -- The same; without an end, the longest stay of an identified person is the length.
  CASE WHEN place = 0 THEN greatest(0, left_at - greatest(started, coalesce(class_left_at, started))) END
    AS running_ms, -- Milliseconds that the session adds to the length of the class.
  users AS users, -- Kaltura's count of users, on the day with most of them.
  final AS final, -- true if every file in which the session can have a row was exported after it settled.
  exported_at AS exported_at, -- Oldest export among the files of the session's days.
  missing_day AS missing_day, -- true if a day of the session has no file, or lacks attendees that Kaltura counts.
  cut_off AS cut_off, -- true if the session is longer than SessionDays.
  findings AS findings, -- Findings of the quality checks on the files of the session's days.
  lost_today OR lost_part AS lost_session, -- true if room_data lacks a session of the room on the day, or a part of this one on the next.
  lost_tomorrow AS lost_tomorrow, -- true if room_data lacks a session of the room on the next day.
  used_tomorrow AS used_tomorrow -- true if another session of the room began on the next day.
FROM ordered
