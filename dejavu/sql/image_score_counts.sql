-- feeds: Figures 5 and 6; results.json image: dejavu_score, memorized_share, accuracies, McNemar p, excess; tables/image_scores.csv, image_calibration.csv, image_naive_bayes.csv, image_layers.csv, plot_image.csv
-- One row per target, reference and role: how often each is right, and how often only one of them is.
-- Counts are whole numbers; whoever reports them divides once.
SELECT
    target,
    reference,
    role,
    count(*)                                                        AS n,
    count(*) FILTER (target_correct)                                AS n_target_correct,
    count(*) FILTER (reference_correct)                             AS n_reference_correct,
    count(*) FILTER (is_memorized)                                  AS n_memorized,
    count(*) FILTER (reference_correct AND NOT target_correct)      AS n_reference_only,
    n_target_correct / n                                            AS target_accuracy,
    n_reference_correct / n                                         AS reference_accuracy,
    (n_target_correct - n_reference_correct) / n                    AS dejavu_score,
    n_memorized / n                                                 AS memorized_share
FROM image_scores
GROUP BY target, reference, role
ORDER BY target, reference, role
