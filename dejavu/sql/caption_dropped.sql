-- feeds: page "Used and dropped"; tables/caption_dropped.csv
-- One row per role of the caption lane: how many samples it has, how many of them are scored, and why the
-- others are not. `unused` samples have a reason in `splits`, without the ids that it may name.
SELECT
    splits.role,
    count(*)                                                            AS n,
    count(*) FILTER (len(objects.object_ids) > 0)                       AS n_with_objects,
    count(*) FILTER (len(objects.object_ids) = 0)                       AS n_without_objects,
    count(*) FILTER (objects.object_ids IS NULL)                        AS n_not_annotated,
    split_part(splits.reason, ': ', 1)                                  AS reason
FROM splits
LEFT JOIN objects USING (sample_id)
WHERE splits.lane = 'caption'
GROUP BY splits.role, reason
ORDER BY splits.role, reason NULLS FIRST
