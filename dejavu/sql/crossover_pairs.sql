-- feeds: results.json calibrated.image.<model>.crossover, crossover_soft
-- Both models of a pair on every sample of the roles that they were trained on, and its group of duplicates.
SELECT
    c.target, c.role, s.group_id, c.target_correct, c.second_correct, c.target_votes, c.second_votes, c.n_votes
FROM crossover c JOIN splits s ON s.lane = 'image' AND s.sample_id = c.sample_id
WHERE c.target = $target
ORDER BY c.sample_id
