-- feeds: page "Galleries", images: the nearest public images
-- The public images nearest to each sample of the image galleries, for the target and its second model:
-- the first ones (is_shown) and the first voter of every further label. `share` is the label's share of
-- all votes.
-- uses: gallery_image_cards
WITH searched AS (
    SELECT DISTINCT name AS predictor, layer, metric, sample_id
    FROM gallery_image_cards JOIN targets ON name = target
    UNION
    SELECT DISTINCT second_model, layer, metric, sample_id
    FROM gallery_image_cards JOIN targets ON name = target
    WHERE second_model IS NOT NULL
),
-- a predictor is called by its model, and by the layer and the metric unless they are the first
voters AS (
    SELECT
        predictor, neighbors.sample_id,
        generate_subscripts(neighbor_ids, 1) AS rank,
        unnest(neighbor_ids) AS neighbor_id,
        unnest(similarities) AS similarity
    FROM neighbors
    JOIN searched
        ON searched.sample_id = neighbors.sample_id
        AND searched.layer = neighbors.layer AND searched.metric = neighbors.metric
        AND predictor IN (
            model, model || '_' || neighbors.layer, model || '_' || neighbors.metric,
            model || '_' || neighbors.layer || '_' || neighbors.metric
        )
    WHERE neighbors.lane = 'image'
)
SELECT
    predictor, voters.sample_id, rank, neighbor_id, similarity, label_id,
    count(*) OVER (PARTITION BY predictor, voters.sample_id, label_id)
        / count(*) OVER (PARTITION BY predictor, voters.sample_id) AS share,
    rank <= (SELECT n_gallery_neighbors FROM settings) AS is_shown
FROM voters
LEFT JOIN samples ON samples.lane = 'image' AND samples.sample_id = neighbor_id
QUALIFY is_shown OR rank = min(rank) OVER (PARTITION BY predictor, voters.sample_id, label_id)
ORDER BY predictor, voters.sample_id, rank
