-- feeds: results.json calibrated.image.<model>.excess_unadjusted
-- Whether a reference of a target is right about each attacked sample.
SELECT sample_id, role, reference_correct
FROM image_scores
WHERE target = $target AND reference = $reference
ORDER BY sample_id
