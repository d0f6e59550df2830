-- feeds: results.json calibrated.image: adjusted, adjusted_soft, gap; the verdict
-- One row per attacked sample of a predictor: its guess, and the group of duplicates that it is in.
SELECT p.sample_id, p.role, p.label_id, s.group_id, p.is_correct, p.p_truth
FROM predictions p JOIN splits s USING (lane, sample_id)
WHERE lane = 'image' AND p.predictor = $predictor AND p.role IN ('target', 'control')
ORDER BY p.sample_id
