-- How much was each region's university online, day by day?
SELECT dt, region, count(DISTINCT cue_point_id) AS sessions,
       count(DISTINCT user_id) AS people,
       round(sum(CAST(meeting_view_time AS double)) / 60, 3) AS hours
FROM attendees
WHERE granularity = 'day' AND dt BETWEEN '2025-03-24' AND '2025-03-30'
GROUP BY dt, region
ORDER BY dt, region
