-- feeds: results.json control_check: the blind baseline, mean colors
-- Where the images of the chosen samples lie.
SELECT sample_id, uri
FROM samples JOIN (SELECT unnest($sample_ids::BIGINT[]) AS sample_id) USING (sample_id)
WHERE lane = $lane
ORDER BY sample_id
