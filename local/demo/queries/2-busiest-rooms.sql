-- Which five rooms were used most?
SELECT r.region, r.entry_id, r.entry_name,
       count(DISTINCT a.user_id) AS people,
       round(sum(CAST(a.meeting_view_time AS double)) / 60, 3) AS hours
FROM room_data r
JOIN attendees a ON a.granularity = r.granularity AND a.region = r.region
 AND a.dt = r.dt AND a.entry_id = r.entry_id AND a.cue_point_id = r.cue_point_id
WHERE r.granularity = 'day' AND r.dt BETWEEN '2025-03-24' AND '2025-03-30'
GROUP BY r.region, r.entry_id, r.entry_name
ORDER BY hours DESC, r.entry_id
LIMIT 5
