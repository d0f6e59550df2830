-- feeds: page "Used and dropped"; tables/caption_dropped.csv
-- One row per role of the caption lane: how many samples it has, how many of them are scored, and why the
-- others are not; of attacked ones, how many show an object that no public image shows, which no caption can
-- bring back. `unused` samples have a reason in `splits`, without the ids that it may name.
WITH shown AS (
    SELECT sample_id, splits.role, unnest(objects.object_ids) AS object_id
    FROM objects
    JOIN splits USING (lane, sample_id)
), bank AS (
    SELECT DISTINCT object_id FROM shown WHERE role = 'public'
), beyond AS (
    SELECT DISTINCT sample_id
    FROM shown
    ANTI JOIN bank USING (object_id)
    WHERE role IN ('target', 'control')
)
SELECT
    splits.role,
    count(*)                                                            AS n,
    count(*) FILTER (len(objects.object_ids) > 0)                       AS n_with_objects,
    count(*) FILTER (len(objects.object_ids) = 0)                       AS n_without_objects,
    count(*) FILTER (objects.object_ids IS NULL)                        AS n_not_annotated,
    count(beyond.sample_id)                                             AS n_beyond_bank,
    split_part(splits.reason, ': ', 1)                                  AS reason
FROM splits
LEFT JOIN objects USING (sample_id)
LEFT JOIN beyond USING (sample_id)
WHERE splits.lane = 'caption'
GROUP BY splits.role, reason
ORDER BY splits.role, reason NULLS FIRST
