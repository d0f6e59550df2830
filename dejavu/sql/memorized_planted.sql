-- feeds: results.json calibrated.<lane>.<model>.list: planted_auroc; page "Planted duplicates"
-- One row per target: does z, which orders the list of memorized samples, tell those that were planted
-- (repeated in training) from the other target samples? Ties count half, in whole numbers.
WITH attacked AS (
    SELECT lane, target, z, truth.is_planted AS is_planted
    FROM memorized_samples JOIN samples USING (lane, sample_id)
    WHERE role = 'target' AND truth.is_planted IS NOT NULL
),
ranked AS (
    SELECT
        lane, target, is_planted,
        count(*) FILTER (NOT is_planted) OVER (
            PARTITION BY lane, target ORDER BY z RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS n_not_above,
        count(*) FILTER (NOT is_planted) OVER (
            PARTITION BY lane, target ORDER BY z RANGE BETWEEN CURRENT ROW AND CURRENT ROW
        ) AS n_equal
    FROM attacked
)
SELECT
    lane, target,
    count(*) FILTER (is_planted)                                        AS n_planted,
    count(*) FILTER (NOT is_planted)                                    AS n_other,
    sum(2 * n_not_above - n_equal) FILTER (is_planted)::BIGINT          AS wins_doubled,
    wins_doubled / (2 * n_planted * n_other)                            AS auroc
FROM ranked
GROUP BY lane, target
HAVING n_planted > 0 AND n_other > 0
ORDER BY lane, target
