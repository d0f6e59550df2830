-- feeds: `dejavu sql --query memorized_listed`: the list itself
-- The samples that are listed as memorized, the surest first; at most the stated share of entries is false, in
-- expectation.
SELECT
    m.lane, m.target, row_number() OVER (PARTITION BY m.lane, m.target ORDER BY m.z DESC, m.sample_id) AS place,
    m.sample_id, s.sample_name, l.label, m.votes_for_truth, m.n_votes, m.z, m.p_value, m.q_value
FROM memorized_samples m
JOIN samples s USING (lane, sample_id)
LEFT JOIN labels l ON l.lane = m.lane AND l.label_id = s.label_id
WHERE m.is_listed
ORDER BY m.lane, m.target, place
