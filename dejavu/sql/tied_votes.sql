-- feeds: page "Tied votes"; results.json image_tables.image_tied_votes; tables/image_tied_votes.csv
-- How many votes of the image lane tie: several labels have the most of the k nearest public images, so that
-- the rule for ties (ours) decides. One row per model, layer, metric and role.
WITH votes AS (
    SELECT n.model, n.layer, n.metric, n.sample_id, s.label_id, count(*) AS n_votes
    FROM (
        SELECT model, layer, metric, sample_id, unnest(neighbor_ids) AS neighbor
        FROM neighbors WHERE lane = 'image'
    ) n
    JOIN samples s ON s.lane = 'image' AND s.sample_id = n.neighbor
    GROUP BY ALL
),
counted AS (
    SELECT model, layer, metric, sample_id, count(*) FILTER (n_votes = most) AS n_first
    FROM (
        SELECT *, max(n_votes) OVER (PARTITION BY model, layer, metric, sample_id) AS most FROM votes
    )
    GROUP BY ALL
)
SELECT
    c.model, c.layer, c.metric, r.role, count(*) AS n, count(*) FILTER (n_first > 1) AS n_tied,
    count(*) FILTER (n_first > 1) / count(*) AS share_tied
FROM counted c JOIN splits r ON r.lane = 'image' AND r.sample_id = c.sample_id
GROUP BY ALL
ORDER BY c.model, c.layer, c.metric, r.role
