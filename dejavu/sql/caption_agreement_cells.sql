-- feeds: Figure 4; tables/caption_agreement.csv
-- Pairs of references: one row per pair, setting, role and kind of sample, and how many samples are of that
-- kind. The Jaccard similarity of the correctly predicted objects follows from the three counts
-- (paper, Figure 4). Samples that have duplicates in their role stand apart by their group; group_id is NULL
-- for all others.
WITH grouped AS (
    SELECT sample_id, group_id
    FROM splits
    WHERE lane = 'caption' AND role IN ('target', 'control')
    QUALIFY count(*) OVER (PARTITION BY role, group_id) > 1
)
SELECT
    target, mode, first, second, first_k, second_k, first_top, second_top, role,
    first_hits, second_hits, common_hits,
    group_id,
    count(*)                                                            AS n
FROM reference_agreement LEFT JOIN grouped USING (sample_id)
GROUP BY ALL
ORDER BY ALL NULLS LAST
