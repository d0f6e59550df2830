-- feeds: page "Galleries", images: labels, boxes and crops
-- What is known of every sample that the image galleries show: the attacked ones (is_attacked), with their
-- boxes and crop, and the public images near them.
-- uses: gallery_image_cards, gallery_image_neighbors
WITH shown AS (
    SELECT sample_id, bool_or(is_attacked) AS is_attacked
    FROM (
        SELECT sample_id, true AS is_attacked FROM gallery_image_cards
        UNION ALL
        SELECT neighbor_id, false FROM gallery_image_neighbors WHERE is_shown
    )
    GROUP BY sample_id
)
SELECT
    shown.sample_id, is_attacked, sample_name, uri, width_px, height_px, label,
    truth.is_planted AS is_planted,
    CASE WHEN is_attacked THEN boxes END AS boxes,
    crops.x0, crops.y0, crops.x1, crops.y1
FROM shown
JOIN samples USING (sample_id)
LEFT JOIN labels ON labels.lane = 'image' AND labels.label_id = samples.label_id
LEFT JOIN crops ON crops.lane = 'image' AND crops.sample_id = shown.sample_id AND is_attacked
WHERE samples.lane = 'image'
ORDER BY shown.sample_id
