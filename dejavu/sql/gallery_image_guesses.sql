-- feeds: page "Galleries", images: what each predictor guesses
-- What the target and every reference guess for each sample of the image galleries. `reference` is NULL
-- for the target itself; p_truth is what the guesser gave the true label.
-- uses: gallery_image_cards
WITH picked AS (SELECT DISTINCT target, sample_id FROM gallery_image_cards),
answers AS (
    SELECT
        target, sample_id, reference, reference_correct AS is_correct, reference_entropy AS entropy,
        CASE reference WHEN 'second_model' THEN second_model ELSE reference END AS predictor
    FROM image_scores
    JOIN picked USING (target, sample_id)
    JOIN targets ON targets.name = target
    UNION ALL
    SELECT
        target, picked.sample_id, NULL AS reference, is_correct, entropy, predictor
    FROM picked
    JOIN predictions ON predictor = target AND predictions.sample_id = picked.sample_id
)
SELECT
    target, answers.sample_id, reference, answers.predictor, answers.is_correct, answers.entropy,
    predicted_id, label AS predicted, p_truth
FROM answers
LEFT JOIN predictions
    ON predictions.predictor = answers.predictor AND predictions.sample_id = answers.sample_id
LEFT JOIN labels ON labels.lane = 'image' AND labels.label_id = predicted_id
ORDER BY target, answers.sample_id, reference NULLS FIRST
