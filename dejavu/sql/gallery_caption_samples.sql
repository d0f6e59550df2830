-- feeds: page "Galleries", captions: texts, objects and images
-- What is known of every sample that the caption galleries show: the attacked ones (is_attacked) and the
-- public samples near them, with the objects that their images show.
-- uses: gallery_caption_cards, gallery_caption_neighbors
WITH shown AS (
    SELECT sample_id, bool_or(is_attacked) AS is_attacked, bool_or(is_attacked OR is_shown) AS is_shown
    FROM (
        SELECT sample_id, true AS is_attacked, true AS is_shown FROM gallery_caption_cards
        UNION ALL
        SELECT neighbor_id, false, is_shown FROM gallery_caption_neighbors
    )
    GROUP BY sample_id
)
SELECT
    shown.sample_id, is_attacked, is_shown, sample_name, uri, width_px, height_px,
    CASE WHEN is_shown THEN caption END AS caption,
    truth.is_planted AS is_planted,
    CASE WHEN is_attacked THEN truth.probabilities END AS probabilities,
    object_ids,
    CASE WHEN is_attacked THEN detections END AS detections
FROM shown
JOIN samples USING (sample_id)
LEFT JOIN objects ON objects.lane = 'caption' AND objects.sample_id = shown.sample_id
WHERE samples.lane = 'caption'
ORDER BY shown.sample_id
