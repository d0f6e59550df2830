-- feeds: page "Galleries", images: tags of the crop
-- What each annotator saw in the crops of the image galleries, best tag first: the evidence of Naive Bayes.
-- uses: gallery_image_cards
WITH picked AS (SELECT DISTINCT sample_id FROM gallery_image_cards),
seen AS (
    SELECT
        annotator, tags.sample_id,
        generate_subscripts(tag_ids, 1) AS place,
        unnest(tag_ids) AS tag_id,
        unnest(scores) AS score
    FROM tags JOIN picked USING (sample_id)
    WHERE tags.lane = 'image'
)
SELECT annotator, sample_id, place, tag, score
FROM seen JOIN tag_vocabulary USING (annotator, tag_id)
WHERE place <= 20
ORDER BY annotator, sample_id, place
