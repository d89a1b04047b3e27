-- One row per roster entry and class: present, partial, not_seen, provisional or no_data, with the reason.
--
-- A class is one session of a room, or several that are at most gap_minutes apart, also across
-- midnight. In a room with several courses, both must be for the same course, or both must not tell. Its
-- length is the time in which a session ran, but of each session at most the longest stay in it. No
-- person is not_seen whom the data may have missed: if files are missing or not final, if too many people
-- are unknown, or if the person was seen in another class of the course at about the same time. A class
-- is for the course that two people were seen of, and two thirds of those on one roster of the room only.
WITH class_people AS (
  SELECT
    region,
    dt,
    entry_id,
    class_number,
    orphan,
    is_session,
    user_key,
    CAST(sum(ms) AS bigint) AS ms,
    max(parent) AS parent,
    bool_or(unmeasured) AS unmeasured,
    max(unknown_users) AS unknown_users,
    max(CASE WHEN is_first OR orphan <> '' THEN cue_point_id END) AS first_cue_point_id,
    min(CASE WHEN is_session THEN started END) AS started,
    max(CASE WHEN is_session THEN ended END) AS ended,
    max(session_end) AS busy_until,
    count_if(is_session AND ended IS NULL) AS endless,
    sum(running_ms) AS running_ms,
    max(users) AS users,
    bool_and(final) AS final,
    min(exported_at) AS exported_at,
    bool_or(missing_day) AS missing_day,
    bool_or(cut_off) AS cut_off,
    max(findings) AS findings,
    bool_or(lost_session) AS lost_session,
    bool_or(lost_tomorrow) AS lost_tomorrow,
    bool_or(used_tomorrow) AS used_tomorrow
  FROM class_parts
  GROUP BY region, dt, entry_id, class_number, orphan, is_session, user_key
),
merged AS (
  SELECT
    region,
    dt,
    entry_id,
    orphan <> '' AS orphan,
    max(parent) AS parent,
    concat(region, '/', entry_id, '/', max(first_cue_point_id)) AS class_id,
    min(started) AS started,
    CASE WHEN sum(endless) = 0 THEN max(ended) END AS ended,
    max(busy_until) AS busy_until,
    sum(endless) > 0 AS endless,
    CAST(sum(running_ms) AS bigint) AS class_ms,
    coalesce(max(users), 0) AS users,
    count(user_key) AS identified,
    count_if(NOT is_session AND user_key IS NULL) AS unidentified,
    coalesce(max(unknown_users), 0) AS unknown_users,
    map_agg(user_key, ms) AS ms_by_key,
    map_agg(CASE WHEN unmeasured THEN user_key END, true) AS unmeasured_by_key,
    bool_and(final) AS final,
    min(exported_at) AS exported_at,
    bool_or(missing_day) AS missing_day,
    bool_or(cut_off) AS cut_off,
    max(findings) AS findings,
    bool_or(lost_session) AS lost_session,
    bool_or(lost_tomorrow) AS lost_tomorrow,
    bool_or(used_tomorrow) AS used_tomorrow
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
    n.parent,
    n.started,
    n.ended,
    n.endless,
    CASE WHEN NOT n.endless THEN n.busy_until END AS busy_until,
    n.class_ms,
    greatest(n.users, n.identified + CASE WHEN n.unidentified > 0 THEN 1 ELSE 0 END) AS users,
    n.identified,
    n.unidentified > 0 AS unidentified,
    greatest(n.unknown_users, CASE WHEN n.unidentified > 0 THEN 1 ELSE 0 END) AS unknown_users,
    n.ms_by_key,
    n.unmeasured_by_key,
    n.final
      AND (n.day_before IS NULL OR n.day_before >= n.dt OR coalesce(b.complete AND b.settled, false))
      AND (n.day_after IS NULL OR n.day_after = n.last_day OR coalesce(a.complete AND a.settled, false)) AS final,
    n.exported_at,
    n.missing_day
      OR (n.day_before < n.dt AND NOT coalesce(b.complete, false))
      OR (n.day_after > n.last_day AND NOT coalesce(a.complete, false)) AS missing_day,
    n.cut_off,
    n.findings,
    n.lost_session OR (n.last_day > n.dt AND n.lost_tomorrow) AS lost_session,
    n.endless AND n.used_tomorrow AS may_go_on
  FROM near_midnight AS n
  LEFT JOIN neighbours AS b
    ON b.region = n.region
    AND b.dt = n.day_before
  LEFT JOIN neighbours AS a
    ON a.region = n.region
    AND a.dt = n.day_after
),
-- A room that belongs to another has the courses of that as well, to find those who were there.
class_rooms AS (
  SELECT
    c.*,
    CASE WHEN i.is_inherited THEN c.parent ELSE c.entry_id END AS room,
    i.is_inherited
  FROM classes AS c
  CROSS JOIN (VALUES (false), (true)) AS i (is_inherited)
  WHERE c.parent IS NOT NULL OR NOT i.is_inherited
),
class_courses AS (
  SELECT
    c.*,
    coalesce(c.missing_day, false) OR c.cut_off OR c.findings IS NOT NULL OR c.orphan OR coalesce(c.lost_session, false) AS incomplete,
    r.course_id,
    r.course_name,
    row_number() OVER (
      PARTITION BY c.region, c.class_id, c.dt, r.course_id
      ORDER BY CASE WHEN c.is_inherited THEN 1 ELSE 0 END, r.course_name DESC
    ) AS repetition
  FROM class_rooms AS c
  JOIN room_entries AS r
    ON r.entry_id = c.room
    AND coalesce(r.valid_from, '') <= c.dt
    AND c.dt < coalesce(r.valid_to, '9999-12-31')
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
    e.unclear_days,
    element_at(c.ms_by_key, coalesce(e.user_key, '')) IS NOT NULL AS is_listed,
    coalesce(element_at(c.ms_by_key, coalesce(e.user_key, '')), 0) AS ms,
    coalesce(element_at(c.unmeasured_by_key, coalesce(e.user_key, '')), false) AS unmeasured,
    row_number() OVER (
      PARTITION BY c.region, c.class_id, c.dt, c.course_id, e.user_key, CASE WHEN e.user_key IS NULL THEN e.user_id END
      ORDER BY CASE WHEN e.counts THEN 0 ELSE 1 END, CASE WHEN e.unclear_days THEN 1 ELSE 0 END, e.user_id, e.role
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
    is_listed AND NOT unclear_days AND count(*) OVER (PARTITION BY region, class_id, dt, user_key) = 1 AS tells,
    is_listed AND row_number() OVER (PARTITION BY region, class_id, dt, user_key ORDER BY course_id) = 1 AS is_first,
    -- The classes of the course on the day in which the person was, or may have been, in any region.
    array_agg(CASE WHEN is_listed OR incomplete OR NOT final THEN CAST(ROW(started, busy_until, entry_id) AS ROW(first_ms bigint, last_ms bigint, room varchar)) END)
      OVER (PARTITION BY dt, course_id, user_key) AS stays
  FROM listed AS l
  WHERE entry_number = 1
),
told AS (
  SELECT
    s.*,
    count_if(is_listed) OVER (PARTITION BY region, class_id, dt, course_id) AS seen_of_course,
    count_if(counts AND user_key IS NOT NULL AND NOT is_listed) OVER (PARTITION BY region, class_id, dt, course_id) AS unseen_of_course,
    count_if(is_first) OVER (PARTITION BY region, class_id, dt) AS matched,
    identified - count_if(is_first) OVER (PARTITION BY region, class_id, dt) + unknown_users AS unlisted,
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
    bool_or(is_clear) OVER (PARTITION BY region, class_id, dt) AS one_is_clear,
    bool_or(is_clear) OVER (PARTITION BY region, class_id, dt, user_key) AS is_explained
  FROM weighed AS w
),
chosen AS (
  SELECT
    d.*,
    incomplete OR user_key IS NULL OR unclear_days AS unusable,
    NOT is_clear AND (NOT is_listed OR telling > 0) AS ambiguous,
    NOT is_listed AND unlisted > 0 AND unlisted >= least(seen_of_course, unseen_of_course) AS unmatched,
    CASE
      WHEN NOT is_listed THEN array_join(
        array_sort(
          array_distinct(
            transform(
              filter(
                stays,
                stay -> stay IS NOT NULL
                  AND coalesce(stay.first_ms - busy_until <= 60000 * p.gap_minutes, true)
                  AND coalesce(started - stay.last_ms <= 60000 * p.gap_minutes, true)
              ),
              stay -> stay.room
            )
          )
        ),
        ', '
      )
      ELSE ''
    END AS elsewhere,
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
  WHERE counts AND NOT is_inherited
    AND (is_clear OR NOT one_is_clear OR telling_of_course >= 2 OR (is_listed AND NOT is_explained))
    AND (incomplete OR (class_ms >= 60000 * p.min_class_minutes AND users >= p.min_class_users))
),
judged AS (
  SELECT
    c.*,
    CASE
      WHEN ambiguous OR unmatched OR elsewhere <> '' THEN 'no_data'
      WHEN NOT is_listed AND may_go_on THEN 'no_data'
      WHEN NOT is_listed THEN 'not_seen'
      WHEN ms = 0 THEN 'no_data'
      WHEN ms >= needed_ms THEN 'present'
      WHEN unmeasured THEN 'no_data'
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
    WHEN lost_session THEN 'Kaltura lists people for another session of the room on these days, but room_data does not have it.'
    WHEN unclear_days THEN 'A day in the roster is not written as YYYY-MM-DD.'
    WHEN user_key IS NULL THEN 'Nothing is left of the id in the roster under the rules of the policy.'
    WHEN NOT final THEN concat(
      'The data of the class are not final. So far: ',
      CASE so_far WHEN 'not_seen' THEN 'not seen' WHEN 'no_data' THEN 'no data' ELSE so_far END, '.'
    )
    WHEN ambiguous THEN 'The room has several courses, and those who were seen do not tell clearly which of them this class was for.'
    WHEN unmatched THEN concat(
      'Not seen, but as many people in the class match no roster: ', CAST(unlisted AS varchar), ', against ',
      CAST(seen_of_course AS varchar), ' who match this one and ', CAST(unseen_of_course AS varchar), ' who were not seen.'
    )
    WHEN elsewhere <> '' THEN concat(
      'Not seen in this class, but the person was in another of the course at about this time, or its data are not complete: in the room ',
      elsewhere, '.'
    )
    WHEN NOT is_listed AND may_go_on THEN 'Not seen, but Kaltura has no end of the class, and the room was used on the next day.'
    WHEN ms = 0 AND is_listed THEN 'Kaltura lists the person without minutes.'
    WHEN so_far = 'no_data' THEN 'Kaltura lists the person without all minutes.'
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
