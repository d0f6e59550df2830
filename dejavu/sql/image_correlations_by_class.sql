-- feeds: Figure 2b; results.json image_tables.image_correlations_by_class; tables/image_correlations_by_class.csv
-- The five labels with the most correctly guessed target samples, for each reference (paper, Figure 2b).
-- Second models take part in their headline layer and metric.
WITH by_label AS (
    SELECT
        predictor, label_id,
        count(*)                     AS n,
        count(*) FILTER (is_correct) AS n_correct
    FROM predictions
    WHERE role = 'target'
        AND predictor NOT IN (SELECT name FROM targets)
        AND predictor NOT IN (
            SELECT second_model FROM targets WHERE NOT is_headline AND second_model IS NOT NULL
        )
    GROUP BY predictor, label_id
),
ranked AS (
    SELECT *, row_number() OVER (PARTITION BY predictor ORDER BY n_correct DESC, label_id) AS place
    FROM by_label
)
SELECT predictor AS reference, place, label_id, label, n, n_correct, n_correct / n AS accuracy
FROM ranked JOIN labels USING (label_id)
WHERE place <= 5 AND lane = 'image'
ORDER BY reference, place
