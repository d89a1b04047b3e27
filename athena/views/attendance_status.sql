-- One row per roster entry and class: present, partial, not_seen, provisional or no_data, with the reason.
--
-- A class is one session of a room, or several that are at most gap_minutes apart, also across
-- midnight. Its length is the time in which a session ran, but of each session at most the longest
-- stay in it: a room that was left open does not make a class longer. No person is not_seen in a class
-- whose data are missing, look incomplete or are not final, or in which there were as many people who
-- match no roster as people who match this one. If a room has several courses on a day, a class is for
-- the one that at least two people were seen of, and two thirds of those who are on one roster only.
WITH shares AS (
  SELECT
    region,
    dt,
    entry_id,
    cue_point_id,
    is_session,
    regexp_replace(user_id, '^ +| +$', '') AS user_id,
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
placed AS (
  SELECT dt AS class_day, c.* FROM continuing AS c WHERE place >= 0 AND NOT continues
  UNION ALL
  SELECT date_format(date_add('day', -1, CAST(dt AS date)), '%Y-%m-%d'), c.* FROM continuing AS c WHERE place >= 0 AND continues
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
    started,
    ended,
    session_end,
    coalesce(least(session_end, started + longest), session_end) AS left_at,
    users,
    final,
    exported_at,
    missing_day,
    cut_off,
    findings,
    max(greatest(started, session_end)) OVER (
      PARTITION BY region, class_day, entry_id
      ORDER BY started, cue_point_id, place
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS class_busy_until,
    max(coalesce(least(session_end, started + longest), session_end)) OVER (
      PARTITION BY region, class_day, entry_id
      ORDER BY started, cue_point_id, place
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS class_left_at
  FROM placed
),
separated AS (
  SELECT
    c.*,
    CASE
      WHEN place = 0 AND (class_busy_until IS NULL OR started - class_busy_until > 60000 * p.gap_minutes) THEN 1
      ELSE 0
    END AS begins,
    CASE
      WHEN place = 0 THEN greatest(0, left_at - greatest(started, coalesce(class_left_at, started)))
    END AS running_ms
  FROM preceded AS c
  CROSS JOIN policy AS p
),
numbered AS (
  SELECT
    s.*,
    -- People without a session are one class for each session id.
    CASE WHEN started IS NULL THEN cue_point_id ELSE '' END AS orphan,
    sum(begins) OVER (
      PARTITION BY region, dt, entry_id
      ORDER BY started, cue_point_id, place
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS class_number
  FROM separated AS s
),
class_people AS (
  SELECT
    region,
    dt,
    entry_id,
    class_number,
    orphan,
    place,
    user_key,
    CAST(sum(ms) AS bigint) AS ms,
    max(CASE WHEN begins = 1 OR orphan <> '' THEN cue_point_id END) AS first_cue_point_id,
    min(CASE WHEN place = 0 THEN started END) AS started,
    max(CASE WHEN place = 0 THEN ended END) AS ended,
    max(session_end) AS busy_until,
    count_if(place = 0 AND ended IS NULL) AS endless,
    sum(running_ms) AS running_ms,
    max(users) AS users,
    bool_and(final) AS final,
    min(exported_at) AS exported_at,
    bool_or(missing_day) AS missing_day,
    bool_or(cut_off) AS cut_off,
    max(findings) AS findings
  FROM numbered
  GROUP BY region, dt, entry_id, class_number, orphan, place, user_key
),
merged AS (
  SELECT
    region,
    dt,
    entry_id,
    orphan <> '' AS orphan,
    concat(region, '/', entry_id, '/', max(first_cue_point_id)) AS class_id,
    min(started) AS started,
    CASE WHEN sum(endless) = 0 THEN max(ended) END AS ended,
    max(busy_until) AS busy_until,
    sum(endless) > 0 AS endless,
    CAST(sum(running_ms) AS bigint) AS class_ms,
    coalesce(max(users), 0) AS users,
    count_if(user_key IS NOT NULL AND ms > 0) AS identified,
    count_if(place = 1 AND user_key IS NULL AND ms > 0) AS unidentified,
    map_agg(CASE WHEN ms > 0 THEN user_key END, ms) AS ms_by_key,
    bool_and(final) AS final,
    min(exported_at) AS exported_at,
    bool_or(missing_day) AS missing_day,
    bool_or(cut_off) AS cut_off,
    max(findings) AS findings
  FROM class_people
  GROUP BY region, dt, entry_id, class_number, orphan
),
near_midnight AS (
  SELECT
    m.*,
    date_format(from_unixtime(CAST(m.started AS double) / 1000 - 60 * p.gap_minutes, '${TimeZone}'), '%Y-%m-%d') AS day_before,
    date_format(from_unixtime(CAST(m.busy_until AS double) / 1000, '${TimeZone}'), '%Y-%m-%d') AS last_day,
    date_format(from_unixtime(CAST(m.busy_until AS double) / 1000 + 60 * p.gap_minutes, '${TimeZone}'), '%Y-%m-%d') AS day_after
  FROM merged AS m
  CROSS JOIN policy AS p
),
-- A class that begins or ends near midnight may have another part on the next day.
neighbours AS (
  SELECT
    region,
    dt,
    count(*) = 2 AS complete,
    bool_and(state = 'settled') AS settled
  FROM day_files
  WHERE report IN ('room_data', 'attendees') AND state <> 'expired'
  GROUP BY region, dt
),
classes AS (
  SELECT
    n.region,
    n.dt,
    n.entry_id,
    n.orphan,
    n.class_id,
    n.started,
    n.ended,
    n.endless,
    n.class_ms,
    greatest(n.users, n.identified + CASE WHEN n.unidentified > 0 THEN 1 ELSE 0 END) AS users,
    n.identified,
    n.unidentified > 0 AS unidentified,
    n.ms_by_key,
    n.final
      AND (n.day_before IS NULL OR n.day_before >= n.dt OR coalesce(b.complete AND b.settled, false))
      AND (n.day_after IS NULL OR n.day_after = n.last_day OR coalesce(a.complete AND a.settled, false)) AS final,
    n.exported_at,
    n.missing_day
      OR (n.day_before < n.dt AND NOT coalesce(b.complete, false))
      OR (n.day_after > n.last_day AND NOT coalesce(a.complete, false)) AS missing_day,
    n.cut_off,
    n.findings
  FROM near_midnight AS n
  LEFT JOIN neighbours AS b
    ON b.region = n.region
    AND b.dt = n.day_before
  LEFT JOIN neighbours AS a
    ON a.region = n.region
    AND a.dt = n.day_after
),
mapped_rooms AS (
  SELECT DISTINCT
    entry_id,
    course_id,
    nullif(course_name, '') AS course_name,
    coalesce(valid_from, '') AS valid_from,
    coalesce(nullif(valid_to, ''), '9999-12-31') AS valid_to
  FROM rooms
  WHERE course_id <> ''
),
class_courses AS (
  SELECT
    c.*,
    coalesce(c.missing_day, false) OR c.cut_off OR c.findings IS NOT NULL OR c.orphan AS incomplete,
    r.course_id,
    r.course_name,
    row_number() OVER (PARTITION BY c.region, c.class_id, c.dt, r.course_id ORDER BY r.course_name DESC) AS repetition
  FROM classes AS c
  JOIN mapped_rooms AS r
    ON r.entry_id = c.entry_id
    AND r.valid_from <= c.dt
    AND c.dt < r.valid_to
),
counted AS (
  SELECT
    c.*,
    count(*) OVER (PARTITION BY region, class_id, dt) AS courses
  FROM class_courses AS c
  WHERE repetition = 1
),
entries AS (
  SELECT
    e.*,
    cardinality(p.roles) = 0 OR coalesce(contains(p.roles, e.role), false) AS counts
  FROM roster_entries AS e
  CROSS JOIN policy AS p
),
listed AS (
  SELECT
    c.*,
    e.user_key,
    e.user_id,
    e.role,
    e.counts,
    coalesce(element_at(c.ms_by_key, coalesce(e.user_key, '')), 0) AS ms,
    row_number() OVER (
      PARTITION BY c.region, c.class_id, c.dt, c.course_id, e.user_key, CASE WHEN e.user_key IS NULL THEN e.user_id END
      ORDER BY CASE WHEN e.counts THEN 0 ELSE 1 END, e.user_id, e.role
    ) AS entry_number
  FROM counted AS c
  JOIN entries AS e
    ON e.course_id = c.course_id
    AND coalesce(e.valid_from, '') <= c.dt
    AND c.dt < coalesce(e.valid_to, '9999-12-31')
),
seen AS (
  SELECT
    l.*,
    ms > 0 AND count(*) OVER (PARTITION BY region, class_id, dt, user_key) = 1 AS tells,
    ms > 0 AND row_number() OVER (PARTITION BY region, class_id, dt, user_key ORDER BY course_id) = 1 AS is_first
  FROM listed AS l
  WHERE entry_number = 1
),
told AS (
  SELECT
    s.*,
    count_if(ms > 0) OVER (PARTITION BY region, class_id, dt, course_id) AS seen_of_course,
    count_if(is_first) OVER (PARTITION BY region, class_id, dt) AS matched,
    identified
      - count_if(is_first) OVER (PARTITION BY region, class_id, dt)
      + CASE WHEN unidentified THEN greatest(1, users - identified) ELSE 0 END AS unlisted,
    count_if(tells) OVER (PARTITION BY region, class_id, dt) AS telling,
    count_if(tells) OVER (PARTITION BY region, class_id, dt, course_id) AS telling_of_course
  FROM seen AS s
),
weighed AS (
  SELECT
    t.*,
    courses = 1
      OR (NOT incomplete AND unlisted <= matched AND telling_of_course >= 2 AND 3 * telling_of_course >= 2 * telling) AS is_clear
  FROM told AS t
),
decided AS (
  SELECT
    w.*,
    bool_or(is_clear) OVER (PARTITION BY region, class_id, dt) AS one_is_clear
  FROM weighed AS w
),
chosen AS (
  SELECT
    d.*,
    incomplete OR user_key IS NULL AS unusable,
    NOT is_clear AND (ms = 0 OR telling > 0) AS ambiguous,
    ms = 0 AND unlisted > 0 AND unlisted >= seen_of_course AS unmatched,
    CASE
      WHEN class_ms IS NOT NULL THEN greatest(
        CAST(60000 * CAST(p.min_minutes AS decimal(12, 6)) AS decimal(24, 9)),
        CAST(
          CAST(p.min_share AS decimal(9, 8))
            * greatest(0, class_ms - CAST(round(60000 * (p.late_minutes + p.early_minutes)) AS bigint))
          AS decimal(24, 9)
        )
      )
    END AS needed_ms
  FROM decided AS d
  CROSS JOIN policy AS p
  WHERE counts
    AND (is_clear OR NOT one_is_clear)
    AND (incomplete OR (class_ms >= 60000 * p.min_class_minutes AND users >= p.min_class_users))
),
judged AS (
  SELECT
    c.*,
    CASE
      WHEN ambiguous OR unmatched THEN 'no_data'
      WHEN ms = 0 THEN 'not_seen'
      WHEN ms >= needed_ms THEN 'present'
      ELSE 'partial'
    END AS so_far
  FROM chosen AS c
)
SELECT
  region AS region, -- Kaltura data centre.
  course_id AS course_id, -- Course.
  course_name AS course_name, -- Name of the course, as in the reference data.
  user_id AS user_id, -- User, as in the roster; the first one if several entries are the same person.
  user_key AS user_key, -- The id under the rules of the policy; NULL if nothing is left of it.
  role AS role, -- Role in the course, as in that entry of the roster.
  class_id AS class_id, -- Class: region, room and first session. Unique on each dt.
  entry_id AS entry_id, -- Room.
  dt AS dt, -- Day on which the class started. A condition on it limits what is scanned.
  from_unixtime(CAST(started AS double) / 1000, '${TimeZone}') AS class_start, -- Start of the first session, in the deployment's time zone; NULL if room_data lacks the session.
  from_unixtime(CAST(ended AS double) / 1000, '${TimeZone}') AS class_end, -- End of the last session; NULL if one of them has no end.
  CAST(class_ms AS double) / 60000 AS class_minutes, -- Time in which a session of the class ran; of each session, at most the longest stay in it.
  CAST(ms AS double) / 60000 AS minutes, -- Minutes of the person in the class.
  CAST(needed_ms AS double) / 60000 AS needed_minutes, -- Minutes that the policy asks for.
  CAST(ms AS double) / nullif(class_ms, 0) AS share, -- minutes as a share of class_minutes; NULL if that is 0.
  CASE
    WHEN unusable THEN 'no_data'
    WHEN NOT final THEN 'provisional'
    ELSE so_far
  END AS status, -- present, partial, not_seen, provisional (not final yet) or no_data (missing, incomplete or of no use).
  CASE
    WHEN missing_day THEN 'A file is missing for a day of the class, or attendees that Kaltura counts are.'
    WHEN orphan THEN 'Kaltura lists people for the class, but room_data does not have it.'
    WHEN cut_off THEN 'The class is longer than the days that are put together.'
    WHEN findings IS NOT NULL THEN concat('The files look incomplete: ', findings)
    WHEN user_key IS NULL THEN 'Nothing is left of the id in the roster under the rules of the policy.'
    WHEN NOT final THEN concat(
      'The data of the class are not final. So far: ',
      CASE so_far WHEN 'not_seen' THEN 'not seen' WHEN 'no_data' THEN 'no data' ELSE so_far END, '.'
    )
    WHEN ambiguous THEN 'The room has several courses, and those who were seen do not tell clearly which of them this class was for.'
    WHEN unmatched THEN concat(
      'Not seen, but as many people in the class match no roster: ', CAST(unlisted AS varchar), ', against ',
      CAST(seen_of_course AS varchar), ' who match this one. The form of the ids may have changed.'
    )
    WHEN so_far = 'present' AND endless THEN 'Seen for as long as the policy asks for; Kaltura has no end of the class, so the longest stay is its length.'
    WHEN so_far = 'present' THEN 'Seen for as long as the policy asks for.'
    WHEN so_far = 'partial' AND endless THEN 'Seen, but for less than the policy asks for; Kaltura has no end of the class, so the longest stay is its length.'
    WHEN so_far = 'partial' THEN 'Seen, but for less than the policy asks for.'
    WHEN unlisted > 0 THEN concat(
      'Not seen. People in the class who match no roster of the room: ', CAST(unlisted AS varchar),
      CASE WHEN unidentified THEN ', some of whom Kaltura does not identify.' ELSE '.' END
    )
    ELSE 'Not seen.'
  END AS reason, -- Why the status is what it is, in words.
  final AS final, -- true if every file in which the class can have a row was exported after it settled.
  exported_at AS exported_at -- Oldest export among the files of the class's days.
FROM judged
