-- feeds: Figure 2a; results.json image_tables.image_accuracy; tables/image_accuracy.csv
-- One row per predictor and role: how often it guesses the hidden label (paper, Figure 2a).
SELECT
    predictor,
    role,
    predictor IN (SELECT name FROM targets) AS is_target,
    count(*)                                AS n,
    count(*) FILTER (is_correct)            AS n_correct,
    n_correct / n                           AS accuracy,
    count(DISTINCT label_id)                AS n_labels
FROM predictions
GROUP BY predictor, role
ORDER BY is_target DESC, predictor, role DESC
