-- feeds: results.json calibrated.caption: adjusted recall and precision gaps, matched gaps; the verdict
-- One row per attacked sample of a target at one setting, and what one reference brings back of it.
SELECT
    c.sample_id, c.role, s.group_id, c.n_objects, c.target_hits, c.target_precision, c.target_recall,
    c.reference_predicted, c.reference_precision, c.reference_recall
FROM caption_scores c JOIN splits s ON s.lane = 'caption' AND s.sample_id = c.sample_id
WHERE c.target = $target AND c.reference = $reference AND c.mode = $mode AND c.k = $k
    AND c.top IS NOT DISTINCT FROM $top::INTEGER
ORDER BY c.sample_id
