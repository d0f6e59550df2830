-- feeds: page "Galleries", images: what each predictor guesses
-- What the target and every reference guess for each sample of the image galleries. `reference` is NULL
-- for the target itself; p_truth is what the guesser gave the true label.
-- uses: gallery_image_cards
-- predictions are many files: read once, since each file that feeds a join takes memory of its own.
WITH picked AS (SELECT DISTINCT target, sample_id FROM gallery_image_cards),
guessed AS MATERIALIZED (
    SELECT predictor, sample_id, is_correct, entropy, predicted_id, p_truth
    FROM predictions
    WHERE sample_id IN (SELECT sample_id FROM picked)
),
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
    JOIN guessed ON predictor = target AND guessed.sample_id = picked.sample_id
)
SELECT
    target, answers.sample_id, reference, answers.predictor, answers.is_correct, answers.entropy,
    predicted_id, label AS predicted, p_truth
FROM answers
LEFT JOIN guessed
    ON guessed.predictor = answers.predictor AND guessed.sample_id = answers.sample_id
LEFT JOIN labels ON labels.lane = 'image' AND labels.label_id = predicted_id
ORDER BY target, answers.sample_id, reference NULLS FIRST
