-- No-shows: breakout sessions in which Kaltura counts no participants, in the last 28 days, as far as
-- their files are there and final.
SELECT region, dt, parent_entry_name, breakout_entry_name, cue_point_id, start_time, initiator_user_id
FROM breakouts
WHERE dt >= date_format(date_add('day', -28, current_date), '%Y-%m-%d')
  AND participants_at_most = 0
  AND final
  AND NOT missing_day
ORDER BY dt, region, parent_entry_name, breakout_entry_name
