-- One row per user in a session.
--
-- Minutes are added up over the days of the session; see the view session_shares.
WITH named AS (
  SELECT
    s.*,
    max_by(entry_name, CASE WHEN is_session THEN day END) OVER (PARTITION BY region, dt, entry_id, cue_point_id) AS latest_name
  FROM session_shares AS s
),
merged AS (
  SELECT
    region,
    dt,
    entry_id,
    cue_point_id,
    user_id,
    max(latest_name) AS entry_name,
    max_by(user_name, day) AS user_name,
    max_by(user_email, day) AS user_email,
    max_by(user_type, day) AS user_type,
    min(started) AS started,
    sum(view_minutes) AS minutes,
    sum(view_minutes * engagement)
      / nullif(sum(view_minutes) FILTER (WHERE engagement IS NOT NULL), 0) AS engagement,
    min(day) AS first_day,
    max(day) AS last_day,
    bool_and(final) AS final,
    min(exported_at) AS exported_at,
    bool_or(missing_day) AS missing_day
  FROM named
  WHERE NOT is_session
  GROUP BY region, dt, entry_id, cue_point_id, user_id
)
SELECT
  region AS region, -- Kaltura data centre.
  dt AS dt, -- Day on which the session started. A condition on it limits what is scanned.
  entry_id AS entry_id, -- Room.
  nullif(CASE WHEN regexp_like(entry_name, '^''[-=+@\t ]') THEN substr(entry_name, 2) ELSE entry_name END, '')
    AS entry_name, -- Name of the room, as it was at the latest export.
  cue_point_id AS cue_point_id, -- Session.
  from_unixtime(started, '${TimeZone}') AS start_time, -- Start of the session, in the deployment's time zone.
  user_id AS user_id, -- User; NULL for users that Kaltura does not identify, who share one row.
  nullif(CASE WHEN regexp_like(user_name, '^''[-=+@\t ]') THEN substr(user_name, 2) ELSE user_name END, '')
    AS user_name, -- Name of the user, as it was at the latest export.
  CASE
    WHEN user_email IN ('', '0') THEN NULL
    WHEN regexp_like(user_email, '^''[-=+@\t ]') THEN substr(user_email, 2)
    ELSE user_email
  END AS user_email, -- Email address, as it was at the latest export.
  CASE
    WHEN user_type IN ('', '0') THEN NULL
    WHEN regexp_like(user_type, '^''[-=+@\t ]') THEN substr(user_type, 2)
    ELSE user_type
  END AS user_type, -- Role in the session, such as host or attendee.
  minutes AS view_minutes, -- Minutes in the session, over all days.
  engagement AS engagement, -- Share of view_minutes in which the user was engaged.
  first_day AS first_day, -- First day window in which the user was seen in the session.
  last_day AS last_day, -- Last such day window; differs from first_day if the session crosses midnight.
  final AS final, -- true if every file in which the session can have a row was exported after it settled.
  exported_at AS exported_at, -- Oldest export among the files of the session's days.
  missing_day AS missing_day -- true if a day of the session has no file, or lacks attendees that Kaltura counts.
FROM merged
