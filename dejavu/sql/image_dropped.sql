-- feeds: page "Used and dropped"; results.json image_tables.image_dropped; tables/image_dropped.csv
-- What happened to every sample: its role, and why it was left out. `kept` samples are attacked or used.
SELECT 'split' AS step, role, coalesce(reason, 'kept') AS reason, count(*) AS n
FROM splits
WHERE lane = 'image'
GROUP BY role, coalesce(reason, 'kept')
UNION ALL
SELECT 'crop' AS step, role, coalesce(drop_reason, 'kept') AS reason, count(*) AS n
FROM crops
GROUP BY role, coalesce(drop_reason, 'kept')
ORDER BY step DESC, role, reason
