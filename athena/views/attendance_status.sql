-- One row per roster entry and class: present, partial, not_seen, provisional or no_data, with the reason.
--
-- A class is one session of a room, or several on one day that are at most gap_minutes apart. Its
-- length is the time in which a session ran. No person is not_seen in a class whose data are missing,
-- look incomplete or are not final. If a room has several courses on a day, who was there decides
-- which of them a class was for: a person who is on the roster of one of them only.
WITH attendances AS (
  SELECT
    region,
    dt,
    entry_id,
    cue_point_id,
    user_id,
    max(user_key) AS user_key,
    coalesce(CAST(round(60000 * max(view_minutes)) AS bigint), 0) AS ms
  FROM attendance_by_course
  GROUP BY region, dt, entry_id, cue_point_id, user_id
),
-- A row per session, and one per person in a session. Each view is read once, because Athena reads
-- the files again for each use of a WITH clause.
parts AS (
  SELECT
    region,
    dt,
    entry_id,
    cue_point_id,
    0 AS place,
    CAST(NULL AS varchar) AS user_key,
    CAST(0 AS bigint) AS ms,
    CAST(round(1000 * to_unixtime(start_time)) AS bigint) AS started,
    CAST(round(1000 * to_unixtime(end_time)) AS bigint) AS ended,
    unique_users,
    final,
    exported_at,
    missing_day,
    cut_off,
    findings
  FROM sessions
  UNION ALL
  SELECT
    region,
    dt,
    entry_id,
    cue_point_id,
    1 AS place,
    user_key,
    CAST(sum(ms) AS bigint) AS ms,
    CAST(NULL AS bigint) AS started,
    CAST(NULL AS bigint) AS ended,
    CAST(NULL AS bigint) AS unique_users,
    CAST(NULL AS boolean) AS final,
    CAST(NULL AS timestamp(3) with time zone) AS exported_at,
    CAST(NULL AS boolean) AS missing_day,
    CAST(NULL AS boolean) AS cut_off,
    CAST(NULL AS varchar) AS findings
  FROM attendances
  GROUP BY region, dt, entry_id, cue_point_id, user_key
),
timed AS (
  SELECT
    p.*,
    max(started) OVER (PARTITION BY region, dt, entry_id, cue_point_id) AS session_start,
    coalesce(
      max(ended) OVER (PARTITION BY region, dt, entry_id, cue_point_id),
      max(started) OVER (PARTITION BY region, dt, entry_id, cue_point_id)
        + coalesce(max(CASE WHEN user_key IS NOT NULL THEN ms END) OVER (PARTITION BY region, dt, entry_id, cue_point_id), 0)
    ) AS session_end
  FROM parts AS p
),
following AS (
  SELECT
    t.*,
    max(greatest(session_start, session_end)) OVER (
      PARTITION BY region, dt, entry_id
      ORDER BY session_start, cue_point_id, place
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS busy_until
  FROM timed AS t
  WHERE session_start IS NOT NULL
),
separated AS (
  SELECT
    f.*,
    CASE
      WHEN place = 0 AND (busy_until IS NULL OR session_start - busy_until > 60000 * p.gap_minutes) THEN 1
      ELSE 0
    END AS begins,
    CASE
      WHEN place = 0 THEN greatest(0, session_end - greatest(session_start, coalesce(busy_until, session_start)))
      ELSE 0
    END AS running_ms
  FROM following AS f
  CROSS JOIN policy AS p
),
numbered AS (
  SELECT
    s.*,
    sum(begins) OVER (
      PARTITION BY region, dt, entry_id
      ORDER BY session_start, cue_point_id, place
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
    place,
    user_key,
    CAST(sum(ms) AS bigint) AS ms,
    max(CASE WHEN begins = 1 THEN cue_point_id END) AS first_cue_point_id,
    min(started) AS started,
    max(ended) AS ended,
    count_if(place = 0 AND ended IS NULL) AS endless,
    sum(running_ms) AS running_ms,
    max(unique_users) AS most_users,
    bool_and(final) AS final,
    min(exported_at) AS exported_at,
    bool_or(missing_day) AS missing_day,
    bool_or(cut_off) AS cut_off,
    max(findings) AS findings
  FROM numbered
  GROUP BY region, dt, entry_id, class_number, place, user_key
),
classes AS (
  SELECT
    region,
    dt,
    entry_id,
    concat(region, '/', entry_id, '/', max(first_cue_point_id)) AS class_id,
    min(started) AS started,
    CASE WHEN sum(endless) = 0 THEN max(ended) END AS ended,
    sum(endless) > 0 AS endless,
    CAST(sum(running_ms) AS bigint) AS class_ms,
    greatest(coalesce(max(most_users), 0), count_if(user_key IS NOT NULL AND ms > 0)) AS users,
    bool_or(place = 1 AND user_key IS NULL AND ms > 0) AS unidentified,
    map_agg(CASE WHEN ms > 0 THEN user_key END, ms) AS ms_by_key,
    bool_and(final) AS final,
    min(exported_at) AS exported_at,
    bool_or(missing_day) AS missing_day,
    bool_or(cut_off) AS cut_off,
    max(findings) AS findings,
    bool_or(missing_day) OR bool_or(cut_off) OR max(findings) IS NOT NULL AS incomplete
  FROM class_people
  GROUP BY region, dt, entry_id, class_number
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
    CASE WHEN ms > 0 AND count(*) OVER (PARTITION BY region, class_id, dt, user_key) = 1 THEN 1 ELSE 0 END AS tells
  FROM listed AS l
  WHERE entry_number = 1
),
told AS (
  SELECT
    s.*,
    count_if(ms > 0) OVER (PARTITION BY region, class_id, dt) AS seen_in_class,
    count_if(ms > 0) OVER (PARTITION BY region, class_id, dt, course_id) AS seen_of_course,
    sum(tells) OVER (PARTITION BY region, class_id, dt) AS telling_in_class,
    sum(tells) OVER (PARTITION BY region, class_id, dt, course_id) AS telling_of_course
  FROM seen AS s
),
chosen AS (
  SELECT
    t.*,
    incomplete OR user_key IS NULL AS unusable,
    courses > 1 AND telling_of_course = 0 AS ambiguous,
    greatest(
      CAST(60000 * CAST(p.min_minutes AS decimal(12, 6)) AS decimal(24, 9)),
      CAST(
        CAST(p.min_share AS decimal(9, 8))
          * greatest(0, class_ms - CAST(round(60000 * (p.late_minutes + p.early_minutes)) AS bigint))
        AS decimal(24, 9)
      )
    ) AS needed_ms
  FROM told AS t
  CROSS JOIN policy AS p
  WHERE counts
    AND (incomplete OR (class_ms >= 60000 * p.min_class_minutes AND users >= p.min_class_users))
    AND (
      courses = 1
      OR telling_of_course > 0
      OR (telling_in_class = 0 AND (seen_of_course > 0 OR (incomplete AND seen_in_class = 0)))
    )
),
judged AS (
  SELECT
    c.*,
    CASE WHEN ms = 0 THEN 'not_seen' WHEN ms >= needed_ms THEN 'present' ELSE 'partial' END AS so_far
  FROM chosen AS c
)
SELECT
  region AS region, -- Kaltura data centre.
  course_id AS course_id, -- Course.
  course_name AS course_name, -- Name of the course, as in the reference data.
  user_id AS user_id, -- User, as in the roster; the first one if several entries are the same person.
  user_key AS user_key, -- The id under the rules of the policy; NULL if nothing is left of it.
  role AS role, -- Role in the course, as in that entry of the roster.
  class_id AS class_id, -- Class: region, room and first session.
  entry_id AS entry_id, -- Room.
  dt AS dt, -- Day on which the class started. A condition on it limits what is scanned.
  from_unixtime(CAST(started AS double) / 1000, '${TimeZone}') AS class_start, -- Start of the first session, in the deployment's time zone.
  from_unixtime(CAST(ended AS double) / 1000, '${TimeZone}') AS class_end, -- End of the last session; NULL if one of them has no end.
  CAST(class_ms AS double) / 60000 AS class_minutes, -- Time in which a session of the class ran; without an end, the longest stay counts.
  CAST(ms AS double) / 60000 AS minutes, -- Minutes of the person in the class.
  CAST(needed_ms AS double) / 60000 AS needed_minutes, -- Minutes that the policy asks for.
  CAST(ms AS double) / nullif(class_ms, 0) AS share, -- minutes as a share of class_minutes; NULL if that is 0.
  CASE
    WHEN unusable THEN 'no_data'
    WHEN NOT final THEN 'provisional'
    WHEN ambiguous AND ms = 0 THEN 'no_data'
    ELSE so_far
  END AS status, -- present, partial, not_seen, provisional (not final yet) or no_data (missing, incomplete or of no use).
  CASE
    WHEN missing_day THEN 'A file or the list of attendees is missing for a day of the class.'
    WHEN cut_off THEN 'The class is longer than the days that are put together.'
    WHEN findings IS NOT NULL THEN concat('The files look incomplete: ', findings)
    WHEN user_key IS NULL THEN 'Nothing is left of the id in the roster under the rules of the policy.'
    WHEN NOT final THEN concat(
      'The data of the class are not final. So far: ',
      CASE so_far WHEN 'not_seen' THEN 'not seen' ELSE so_far END, '.'
    )
    WHEN ambiguous AND ms = 0 THEN 'The room has several courses, and those who were seen do not tell which of them this class was for.'
    WHEN so_far = 'present' AND endless THEN 'Seen for as long as the policy asks for; Kaltura has no end of the class, so the longest stay is its length.'
    WHEN so_far = 'present' THEN 'Seen for as long as the policy asks for.'
    WHEN so_far = 'partial' AND endless THEN 'Seen, but for less than the policy asks for; Kaltura has no end of the class, so the longest stay is its length.'
    WHEN so_far = 'partial' THEN 'Seen, but for less than the policy asks for.'
    WHEN unidentified THEN 'Not seen. There were people in the class whom Kaltura does not identify.'
    ELSE 'Not seen.'
  END AS reason, -- Why the status is what it is, in words.
  final AS final, -- true if every file in which the class can have a row was exported after it settled.
  exported_at AS exported_at -- Oldest export among the files of the class's days.
FROM judged
