-- feeds: results.json control_check: the blind baseline, tags
-- The tags of the crops of the chosen samples.
SELECT annotator, sample_id, unnest(tag_ids) AS tag_id
FROM tags JOIN (SELECT unnest($sample_ids::BIGINT[]) AS sample_id) USING (sample_id)
WHERE lane = 'image'
ORDER BY annotator, sample_id, tag_id
