-- feeds: page "Planted duplicates"; tables/caption_planted.csv
-- Samples that were planted (repeated in training) among the target role: how well the recall gap tells
-- them from the others. AUROC: a planted sample's gap exceeds another's, ties count half.
WITH gaps AS (
    SELECT
        target, reference, mode, k, top,
        (target_hits - reference_hits) / n_objects                      AS gap,
        count(*) FILTER (truth.is_planted)                              AS n_planted,
        count(*) FILTER (NOT truth.is_planted)                          AS n_other
    FROM caption_scores
    JOIN samples USING (sample_id)
    WHERE samples.lane = 'caption' AND role = 'target' AND truth.is_planted IS NOT NULL
    GROUP BY ALL
),
ranked AS (
    SELECT
        *,
        coalesce(sum(n_other) OVER (
            PARTITION BY target, reference, mode, k, top ORDER BY gap
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ), 0)                                                           AS n_other_below
    FROM gaps
)
SELECT
    target, reference, mode, k, top,
    sum(n_planted)::BIGINT                                              AS n_planted,
    sum(n_other)::BIGINT                                                AS n_other,
    sum(n_planted * (2 * n_other_below + n_other)) / 2 / sum(n_planted) / sum(n_other) AS auroc
FROM ranked
GROUP BY target, reference, mode, k, top
HAVING sum(n_planted) > 0 AND sum(n_other) > 0
ORDER BY target, reference, mode, k, top NULLS LAST
