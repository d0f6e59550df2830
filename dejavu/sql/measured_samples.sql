-- feeds: results.json calibrated.<lane>.<model>.measures; page "Other measures"
-- What else is measured of every attacked sample of one target.
SELECT measure, sample_id, role, value
FROM measures
WHERE lane = $lane AND target = $target
ORDER BY measure, sample_id
