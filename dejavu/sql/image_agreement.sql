-- feeds: Figure 3a; results.json image_tables.image_agreement; tables/image_agreement.csv
-- One row per pair of references: on which target samples are both right (paper, Figure 3a)?
-- Second models take part in their headline layer and metric.
WITH guesses AS (
    SELECT predictor, sample_id, is_correct
    FROM predictions
    WHERE role = 'target'
        AND predictor NOT IN (SELECT name FROM targets)
        AND predictor NOT IN (
            SELECT second_model FROM targets WHERE NOT is_headline AND second_model IS NOT NULL
        )
)
SELECT
    a.predictor                                             AS first,
    b.predictor                                             AS second,
    count(*)                                                AS n,
    count(*) FILTER (a.is_correct AND b.is_correct)         AS n_both_right,
    count(*) FILTER (a.is_correct OR b.is_correct)          AS n_either_right,
    count(*) FILTER (a.is_correct = b.is_correct)           AS n_agree,
    n_both_right / nullif(n_either_right, 0)                AS overlap,
    n_agree / n                                             AS agreement
FROM guesses AS a
JOIN guesses AS b ON a.sample_id = b.sample_id AND a.predictor < b.predictor
GROUP BY a.predictor, b.predictor
ORDER BY first, second
