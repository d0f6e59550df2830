-- feeds: summary "The most memorized samples"; tables/caption_most_memorized.csv
-- The target samples of which the target model brings back the most objects beyond the reference, with the
-- objects of the headline counted: by correct objects gained, then by recall gap, then by id. Table `settings` says how
-- many to list, `caption_headline` how many predicted objects count.
WITH ranked AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY target, reference, mode, k
            ORDER BY
                target_hits - reference_hits DESC,
                (target_hits - reference_hits) / n_objects DESC,
                sample_id
        )                                                               AS place
    FROM caption_scores
    WHERE role = 'target' AND top IS NOT DISTINCT FROM (SELECT top FROM caption_headline)
)
SELECT
    target, reference, mode, k, place, ranked.sample_id, samples.sample_name, samples.caption,
    n_objects, target_hits, target_predicted, reference_hits, reference_predicted
FROM ranked
JOIN samples USING (sample_id)
WHERE samples.lane = 'caption' AND place <= (SELECT n_most_memorized FROM settings)
ORDER BY target, reference, mode, k, place
