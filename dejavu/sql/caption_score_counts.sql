-- feeds: results.json caption: n, recalls and exact sign tests; page one: how the excess comes about; tables/caption_scores.csv
-- One row per comparison, setting and role: how often the target's precision and recall exceed the
-- reference's, or fall short. PPG and PRG are (higher - lower) / n (paper, equation 4).
-- Fractions are compared by cross products of whole numbers, so equal ones tie. Mean recalls: sums are whole
-- multiples of 1e-12.
WITH signs AS (
    SELECT
        target, reference, mode, k, top, role, target_predicted, reference_predicted,
        target_recall, reference_recall,
        sign(target_hits::BIGINT * greatest(reference_predicted, 1)
            - reference_hits::BIGINT * greatest(target_predicted, 1))   AS precision_sign,
        sign(target_hits - reference_hits)                              AS recall_sign
    FROM caption_scores
)
SELECT
    target, reference, mode, k, top, role,
    count(*)                                                            AS n,
    count(*) FILTER (precision_sign > 0)                                AS n_precision_higher,
    count(*) FILTER (precision_sign < 0)                                AS n_precision_lower,
    count(*) FILTER (recall_sign > 0)                                   AS n_recall_higher,
    count(*) FILTER (recall_sign < 0)                                   AS n_recall_lower,
    count(*) FILTER (target_predicted = 0)                              AS n_target_undefined,
    count(*) FILTER (reference_predicted = 0)                           AS n_reference_undefined,
    (n_precision_higher - n_precision_lower) / n                        AS ppg,
    (n_recall_higher - n_recall_lower) / n                              AS prg,
    sum(round(1e12 * target_recall)::HUGEINT) / 1e12 / count(*)         AS mean_target_recall,
    sum(round(1e12 * reference_recall)::HUGEINT) / 1e12 / count(*)      AS mean_reference_recall
FROM signs
GROUP BY target, reference, mode, k, top, role
ORDER BY target, reference, mode, k, top NULLS LAST, role
