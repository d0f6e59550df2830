-- feeds: Figure 8, Tables 2 to 5; results.json caption: ppg, prg, aucg, excess, bias; tables/caption_scores.csv, caption_calibration.csv
-- Samples that count alike: one row per comparison, setting, role and kind of sample, and how many samples
-- are of that kind. All population statistics and their resamples need no more than this.
SELECT
    target, reference, mode, k, top, role,
    sign(target_hits::BIGINT * greatest(reference_predicted, 1)
        - reference_hits::BIGINT * greatest(target_predicted, 1))::INTEGER AS precision_sign,
    target_hits - reference_hits                                        AS hit_gap,
    n_objects,
    count(*)                                                            AS n
FROM caption_scores
GROUP BY ALL
ORDER BY ALL NULLS LAST
