-- One row per region and week: how much of the attendance belongs to a course and to a user on its roster.
WITH attendances AS (
  SELECT
    region,
    dt,
    entry_id,
    cue_point_id,
    user_id,
    count(course_id) > 0 AS in_course,
    bool_or(on_roster) AS on_roster,
    max(view_minutes) AS view_minutes,
    bool_and(final) AS final
  FROM attendance_by_course
  GROUP BY region, dt, entry_id, cue_point_id, user_id
)
SELECT
  region AS region, -- Kaltura data centre.
  date_format(date_trunc('week', CAST(dt AS date)), '%Y-%m-%d') AS dt, -- Monday of the week. A condition on it limits what is scanned.
  count(*) AS attendances, -- Rows of the view attendance: users in sessions.
  count_if(in_course) AS in_courses, -- Those in a room that has a course on that day.
  count_if(in_course AND user_id IS NULL) AS unidentified, -- Those in such a room that Kaltura does not identify; all of a session are one.
  count_if(in_course AND user_id IS NOT NULL AND NOT on_roster) AS unmatched, -- Those in such a room who are on no roster of its courses.
  count_if(on_roster) AS matched, -- Those of a user on the roster of a course of the room.
  CAST(count_if(in_course) AS double) / count(*) AS room_rate, -- in_courses as a share of attendances.
  CAST(count_if(on_roster) AS double) / nullif(count_if(in_course), 0) AS user_rate, -- matched as a share of in_courses; NULL if there are none.
  sum(CASE WHEN on_roster THEN view_minutes ELSE 0 END) / nullif(sum(CASE WHEN in_course THEN view_minutes ELSE 0 END), 0)
    AS minutes_rate, -- The same share of the minutes.
  bool_and(final) AS final -- true if all these rows are final.
FROM attendances
GROUP BY region, date_format(date_trunc('week', CAST(dt AS date)), '%Y-%m-%d')
