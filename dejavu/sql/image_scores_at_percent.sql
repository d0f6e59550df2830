-- One row per target, reference, role and p: accuracies on the p % most confident samples.
-- n_top = floor(p * n / 100), at least 1. `own`: each predictor on the samples it is surest about;
-- `paired`: both on the samples the target is surest about. Ties in confidence: by sample_id.
WITH ranked AS (
    SELECT
        target, reference, role, target_correct, reference_correct,
        row_number() OVER (PARTITION BY target, reference, role ORDER BY target_entropy, sample_id)
            AS target_place,
        row_number() OVER (PARTITION BY target, reference, role ORDER BY reference_entropy, sample_id)
            AS reference_place,
        count(*) OVER (PARTITION BY target, reference, role) AS n
    FROM image_scores
),
top AS (
    SELECT ranked.*, percent, greatest(1, percent * n // 100) AS n_top
    FROM ranked CROSS JOIN at_percents
    WHERE least(target_place, reference_place) <= greatest(1, percent * n // 100)
)
SELECT
    target,
    reference,
    role,
    percent,
    any_value(n_top)                                                        AS n_top,
    count(*) FILTER (target_correct AND target_place <= n_top)              AS n_target_correct,
    count(*) FILTER (reference_correct AND reference_place <= n_top)        AS n_reference_correct_own,
    count(*) FILTER (reference_correct AND target_place <= n_top)           AS n_reference_correct_paired
FROM top
GROUP BY target, reference, role, percent
ORDER BY target, reference, role, percent
