-- feeds: page "Planted duplicates"; results.json planted_auroc; tables/image_planted.csv
-- One row per target and reference: does memorization confidence tell planted from other target samples?
-- wins_doubled = sum over planted samples of 2 x (others with a lower confidence) + (others that tie), so
-- AUROC = wins_doubled / (2 n_planted n_other), all in whole numbers.
WITH attacked AS (
    SELECT target, reference, is_memorized, memorization_confidence AS confidence, truth.is_planted AS is_planted
    FROM image_scores JOIN samples USING (lane, sample_id)
    WHERE role = 'target' AND truth.is_planted IS NOT NULL AND memorization_confidence IS NOT NULL
),
ranked AS (
    SELECT
        target, reference, is_memorized, is_planted,
        count(*) FILTER (NOT is_planted) OVER (
            PARTITION BY target, reference ORDER BY confidence
            RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS n_not_above,
        count(*) FILTER (NOT is_planted) OVER (
            PARTITION BY target, reference ORDER BY confidence
            RANGE BETWEEN CURRENT ROW AND CURRENT ROW
        ) AS n_equal
    FROM attacked
)
SELECT
    target,
    reference,
    count(*) FILTER (is_planted)                                        AS n_planted,
    count(*) FILTER (NOT is_planted)                                    AS n_other,
    count(*) FILTER (is_planted AND is_memorized)                       AS n_planted_memorized,
    count(*) FILTER (NOT is_planted AND is_memorized)                   AS n_other_memorized,
    sum(2 * n_not_above - n_equal) FILTER (is_planted)::BIGINT          AS wins_doubled,
    wins_doubled / (2 * n_planted * n_other)                            AS auroc
FROM ranked
GROUP BY target, reference
HAVING n_planted > 0 AND n_other > 0
ORDER BY target, reference
