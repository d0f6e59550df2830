-- feeds: page "Galleries", captions: the nearest public samples
-- The public samples nearest to each caption of the galleries, for every model that the cards compare.
-- Table `caption_references` says which model answers for which reference.
-- uses: gallery_caption_cards
WITH picked AS (SELECT DISTINCT target, mode, k, sample_id FROM gallery_caption_cards),
searched AS (
    SELECT DISTINCT target AS model, mode, k, sample_id FROM picked
    UNION
    SELECT DISTINCT model, searched_mode, k, sample_id
    FROM picked JOIN caption_references USING (target, mode)
    WHERE model IS NOT NULL
),
found AS (
    SELECT
        model, mode, k, sample_id,
        generate_subscripts(neighbor_ids, 1) AS rank,
        unnest(neighbor_ids) AS neighbor_id,
        unnest(similarities) AS similarity
    FROM neighbors JOIN searched USING (model, mode, sample_id)
    WHERE neighbors.lane = 'caption'
)
SELECT
    model, mode, sample_id, rank, neighbor_id, similarity,
    rank <= (SELECT n_gallery_neighbors FROM settings) AS is_shown
FROM found
WHERE rank <= k
ORDER BY model, mode, sample_id, rank
