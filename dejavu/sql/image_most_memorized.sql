-- feeds: summary "Most memorized samples"; tables/image_most_memorized.csv
-- The memorized target samples of highest memorization confidence, per target and reference.
WITH ranked AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY target, reference ORDER BY memorization_confidence DESC, sample_id
        ) AS place
    FROM image_scores
    WHERE role = 'target' AND is_memorized
)
SELECT
    target,
    reference,
    place,
    sample_id,
    sample_name,
    label,
    memorization_confidence,
    target_entropy,
    reference_entropy,
    truth.is_planted AS is_planted
FROM ranked
JOIN samples USING (lane, sample_id)
JOIN labels USING (lane, label_id)
WHERE place <= (SELECT n_most_memorized FROM settings)
ORDER BY target, reference, place
