-- feeds: results.json calibrated.image.<model>.excess_unadjusted
-- Whether each reference of a target is right about each attacked sample.
SELECT reference, role, sample_id, reference_correct
FROM image_scores
WHERE target = $target
ORDER BY reference, sample_id
