-- feeds: results.json control_check: the blind baseline, text embeddings
-- The embeddings of the chosen captions by one model.
SELECT sample_id, embedding
FROM embeddings JOIN (SELECT unnest($sample_ids::BIGINT[]) AS sample_id) USING (sample_id)
WHERE lane = 'caption' AND model = $model AND view = 'caption'
ORDER BY sample_id
