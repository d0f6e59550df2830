-- feeds: results.json control_check: the blind baseline, objects
-- The objects in the images of the chosen samples.
SELECT 'objects' AS annotator, sample_id, unnest(object_ids) AS tag_id
FROM objects JOIN (SELECT unnest($sample_ids::BIGINT[]) AS sample_id) USING (sample_id)
WHERE lane = 'caption'
ORDER BY sample_id, tag_id
