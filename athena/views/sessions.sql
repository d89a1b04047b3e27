-- One row per session of a room.
--
-- Users are counted and engagement is weighted from the attendees. If Kaltura counts more users for
-- the session, because attendees are missing or because unidentified ones share one row, the view
-- returns Kaltura's count. If the attendees of any day of the session are missing, it returns
-- Kaltura's engagement as well.
WITH merged AS (
  SELECT
    region,
    dt,
    entry_id,
    cue_point_id,
    max_by(entry_name, day) FILTER (WHERE is_session) AS entry_name,
    max_by(parent_entry_id, day) FILTER (WHERE is_session) AS parent_entry_id,
    max_by(host, day) FILTER (WHERE is_session) AS host,
    min(started) AS started,
    max(ended) AS ended,
    max(users) AS most_users,
    sum(users) AS all_users,
    sum(users * engagement) FILTER (WHERE is_session)
      / nullif(sum(users), 0) AS engagement,
    count(DISTINCT coalesce(user_id, 'Unknown')) FILTER (WHERE NOT is_session) AS attended,
    coalesce(bool_or(user_id IS NULL) FILTER (WHERE NOT is_session), false) AS shared,
    sum(view_minutes) AS minutes,
    sum(view_minutes * engagement)
      / nullif(sum(view_minutes) FILTER (WHERE engagement IS NOT NULL), 0) AS measured_engagement,
    bool_and(attendees > 0) AS complete,
    min(day) FILTER (WHERE is_session) AS first_day,
    max(day) FILTER (WHERE is_session) AS last_day,
    bool_and(final) AS final,
    min(exported_at) AS exported_at,
    bool_or(missing_day) AS missing_day,
    max(findings) AS findings,
    bool_or(cut_off) AS cut_off
  FROM session_shares
  GROUP BY region, dt, entry_id, cue_point_id
)
SELECT
  region AS region, -- Kaltura data centre.
  dt AS dt, -- Day on which the session started. A condition on it limits what is scanned.
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
  greatest(attended, coalesce(most_users, 0))
    AS unique_users, -- Users, each counted once over all days, or Kaltura's count of the day with the most if that is larger.
  CASE WHEN complete THEN measured_engagement ELSE engagement END
    AS engagement, -- Share of the view time in which users were engaged, weighted by each user's view time.
  minutes AS view_minutes, -- Sum of the minutes of all users; NULL if no attendees were exported.
  NOT complete OR shared OR coalesce(most_users, 0) > attended
    AS estimated, -- true if attendees are missing, unidentified users share a row or Kaltura counts more users; unique_users is then a lower bound or Kaltura's estimate.
  all_users AS kaltura_unique_users, -- Kaltura's estimate (within about 2 %), summed over days: an upper bound if first_day and last_day differ.
  first_day AS first_day, -- First day window in which the session has a row.
  last_day AS last_day, -- Last such day window; differs from first_day if the session crosses midnight.
  final AS final, -- true if every file in which the session can have a row was exported after it settled.
  exported_at AS exported_at, -- Oldest export among the files of the session's days.
  missing_day AS missing_day, -- true if a day of the session has no file, or lacks attendees that Kaltura counts.
  findings AS findings, -- Findings of the quality checks on the files of the session's days; NULL if there are none.
  cut_off AS cut_off -- true if the session is longer than SessionDays; it then has more than one row.
FROM merged
WHERE first_day IS NOT NULL
