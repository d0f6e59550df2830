-- feeds: page "Galleries", captions: which samples are shown
-- The samples that the galleries of the caption lane show, with the objects and neighbors that count in
-- the headline (table `caption_headline`).
-- listed: on the list of memorized samples, the most surprising first; `confidence` is their z.
-- memorized: the target brings back more true objects than the reference (paper, Figure 15).
-- false_alarm: the same of control samples, which no model was trained on; a quarter as many.
-- correlation: every reference brings back a large share of the true objects (paper, Figure 14a).
-- disagreement: `reference` brings back more than `other` (paper, Figures 14b and 14c).
-- `confidence` counts objects: gained over the reference; brought back by every reference; between both.
WITH scored AS (
    SELECT * FROM caption_scores
    WHERE k = (SELECT k FROM caption_headline)
        AND top IS NOT DISTINCT FROM (SELECT top FROM caption_headline)
),
modes AS (
    SELECT
        target, k,
        coalesce(max(mode) FILTER (mode = (SELECT mode FROM caption_headline)), min(mode)) AS mode
    FROM scored
    GROUP BY target, k
),
listed AS (
    SELECT
        'listed' AS kind, target, mode, k, NULL AS reference, NULL AS other, sample_id, z AS confidence,
        row_number() OVER (PARTITION BY target ORDER BY z DESC, sample_id) AS place
    FROM memorized_samples JOIN modes USING (target)
    WHERE is_listed AND lane = 'caption'
),
memorized AS (
    SELECT
        CASE role WHEN 'target' THEN 'memorized' ELSE 'false_alarm' END AS kind,
        target, mode, k, reference, NULL AS other, sample_id, target_hits - reference_hits AS confidence,
        row_number() OVER (
            PARTITION BY target, reference, mode, role
            ORDER BY
                target_hits - reference_hits DESC,
                (target_hits - reference_hits) / n_objects DESC,
                sample_id
        ) AS place
    FROM scored
    WHERE target_hits > reference_hits AND role IN ('target', 'control')
),
sides AS (
    SELECT
        target, mode, k, sample_id, n_objects,
        min({'lost': 0 - reference_hits, 'reference': reference}) AS best,
        min({'hits': reference_hits, 'reference': reference}) AS worst,
        max(reference_predicted) AS n_predicted
    FROM scored
    WHERE role = 'target'
    GROUP BY target, mode, k, sample_id, n_objects
),
correlations AS (
    SELECT
        'correlation' AS kind, target, mode, k, NULL AS reference, NULL AS other, sample_id,
        worst.hits AS confidence,
        row_number() OVER (
            PARTITION BY target, mode
            ORDER BY worst.hits / n_objects DESC, n_objects DESC, n_predicted, sample_id
        ) AS place
    FROM sides
    WHERE worst.hits > 0
),
disagreements AS (
    SELECT
        'disagreement' AS kind, target, mode, k, best.reference AS reference, worst.reference AS other,
        sample_id, 0 - best.lost - worst.hits AS confidence,
        row_number() OVER (
            PARTITION BY target, mode
            ORDER BY
                0 - best.lost - worst.hits DESC, (0 - best.lost - worst.hits) / n_objects DESC, sample_id
        ) AS place
    FROM sides
    WHERE 0 - best.lost > worst.hits
)
SELECT kind, target, mode, k, reference, other, place, sample_id, confidence
FROM (
    FROM listed UNION ALL FROM memorized UNION ALL FROM correlations UNION ALL FROM disagreements
)
WHERE place <= (
    SELECT CASE kind WHEN 'false_alarm' THEN (n_gallery_samples + 3) // 4 ELSE n_gallery_samples END
    FROM settings
)
ORDER BY kind, target, mode, reference NULLS FIRST, place
