-- feeds: Table 1; results.json image_tables.image_intersection; tables/image_intersection.csv
-- Of the target samples that all second models guess right, how many does each one-model reference
-- guess right (paper, Table 1)? Overall, and within the labels that have most of these samples.
WITH seconds AS (
    SELECT DISTINCT second_model FROM targets WHERE is_headline AND second_model IS NOT NULL
),
hits AS (
    SELECT sample_id, label_id
    FROM predictions
    WHERE role = 'target' AND is_correct AND predictor IN (SELECT second_model FROM seconds)
    GROUP BY sample_id, label_id
    HAVING count(*) = (SELECT count(*) FROM seconds)
),
by_label AS (
    SELECT label_id, row_number() OVER (ORDER BY count(*) DESC, label_id) AS place
    FROM hits
    GROUP BY label_id
),
scopes(scope, n_labels) AS (
    VALUES ('all', 2147483647), ('top-20', 20), ('top-5', 5), ('top-1', 1)
)
SELECT
    predictor                           AS reference,
    scope,
    count(*)                            AS n_intersection,
    count(*) FILTER (is_correct)        AS n_recovered,
    n_recovered / n_intersection        AS share
FROM hits
JOIN by_label USING (label_id)
JOIN scopes ON place <= n_labels
JOIN predictions USING (sample_id)
WHERE predictor NOT IN (SELECT name FROM targets)
    AND predictor NOT IN (SELECT second_model FROM targets WHERE second_model IS NOT NULL)
GROUP BY predictor, scope, n_labels
ORDER BY reference, n_labels DESC
