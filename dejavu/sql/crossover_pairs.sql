-- feeds: results.json calibrated.<lane>.<model>.crossover, crossover_soft, crossover_precision
-- Both models of a pair on every sample of the roles that they were trained on, and its group of duplicates.
SELECT c.lane, c.target, c.measure, c.sample_id, c.role, s.group_id, c.target_value, c.second_value
FROM crossover c JOIN splits s USING (lane, sample_id)
WHERE c.lane = $lane AND c.target = $target
ORDER BY c.measure, c.sample_id
