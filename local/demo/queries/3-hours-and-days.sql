-- Do the hours of the week add up to its days?
SELECT region, granularity, count(*) AS rows_in_files,
       round(sum(CAST(meeting_view_time AS double)) / 60, 3) AS hours
FROM attendees
WHERE dt BETWEEN '2025-03-24' AND '2025-03-30'
GROUP BY region, granularity
ORDER BY region, granularity
