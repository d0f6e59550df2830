-- feeds: Figure 8, Tables 2 to 5; results.json caption: ppg, prg, aucg, excess, bias; tables/caption_scores.csv, caption_calibration.csv, caption_by_neighbors.csv, caption_by_objects.csv, plot_caption_ppg.csv, plot_caption_prg.csv
-- Samples that count alike: one row per comparison, setting, role and kind of sample, and how many samples
-- are of that kind. All population statistics and their resamples need no more than this. Samples that have
-- duplicates in their role stand apart by their group; group_id is NULL for all others.
WITH grouped AS (
    SELECT sample_id, group_id
    FROM splits
    WHERE lane = 'caption' AND role IN ('target', 'control')
    QUALIFY count(*) OVER (PARTITION BY role, group_id) > 1
)
SELECT
    target, reference, mode, k, top, role,
    sign(target_hits::BIGINT * greatest(reference_predicted, 1)
        - reference_hits::BIGINT * greatest(target_predicted, 1))::INTEGER AS precision_sign,
    target_hits - reference_hits                                        AS hit_gap,
    n_objects,
    group_id,
    count(*)                                                            AS n
FROM caption_scores LEFT JOIN grouped USING (sample_id)
GROUP BY ALL
ORDER BY ALL NULLS LAST
