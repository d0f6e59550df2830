-- feeds: page "Galleries", images: which samples are shown
-- The samples that the galleries of the image lane show, per target in its headline layer and metric.
-- listed: on the list of memorized samples, the most surprising first; `confidence` is their z.
-- memorized: target right, reference wrong, highest memorization confidence first (paper, Figures 11, 12).
-- false_alarm: the same of control samples, which no model was trained on; a quarter as many.
-- correlation: every reference is right; the least sure of them counts (paper, Figure 10).
-- disagreement: `reference` is right and `other`, of another family, is wrong; the less sure of both counts.
-- `confidence` is in nats and higher is surer: entropy of the reference - of the target, or - entropy.
WITH listed AS (
    SELECT
        'listed' AS kind, target, NULL AS reference, NULL AS other, sample_id, z AS confidence,
        row_number() OVER (PARTITION BY target ORDER BY z DESC, sample_id) AS place
    FROM memorized_samples
    WHERE is_listed AND lane = 'image' AND target IN (SELECT name FROM targets WHERE is_headline)
),
scored AS (
    SELECT target, reference, sample_id, role, reference_correct, is_memorized,
        reference_entropy, memorization_confidence
    FROM image_scores
    WHERE target IN (SELECT name FROM targets WHERE is_headline)
),
memorized AS (
    SELECT
        CASE role WHEN 'target' THEN 'memorized' ELSE 'false_alarm' END AS kind,
        target, reference, NULL AS other, sample_id, memorization_confidence AS confidence,
        row_number() OVER (
            PARTITION BY target, reference, role ORDER BY memorization_confidence DESC, sample_id
        ) AS place
    FROM scored
    WHERE is_memorized AND role IN ('target', 'control')
),
shared AS (
    SELECT target, sample_id, max(reference_entropy) AS doubt
    FROM scored
    WHERE role = 'target'
    GROUP BY target, sample_id
    HAVING bool_and(reference_correct)
),
correlations AS (
    SELECT
        'correlation' AS kind, target, NULL AS reference, NULL AS other, sample_id, 0 - doubt AS confidence,
        row_number() OVER (PARTITION BY target ORDER BY doubt, sample_id) AS place
    FROM shared
),
families AS (
    SELECT
        target, sample_id, reference_correct, split_part(reference, '@', 1) AS family,
        min({'entropy': reference_entropy, 'reference': reference}) AS surest
    FROM scored
    WHERE role = 'target' AND reference <> 'consensus'
    GROUP BY target, sample_id, reference_correct, family
),
sides AS (
    SELECT
        target, sample_id,
        min({
            'doubt': greatest(right_one.surest.entropy, wrong_one.surest.entropy),
            'total': right_one.surest.entropy + wrong_one.surest.entropy,
            'reference': right_one.surest.reference,
            'other': wrong_one.surest.reference
        }) AS pair
    FROM families AS right_one
    JOIN families AS wrong_one USING (target, sample_id)
    WHERE
        right_one.reference_correct AND NOT wrong_one.reference_correct
        AND right_one.family <> wrong_one.family
    GROUP BY target, sample_id
),
disagreements AS (
    SELECT
        'disagreement' AS kind, target, pair.reference AS reference, pair.other AS other, sample_id,
        0 - pair.doubt AS confidence,
        row_number() OVER (PARTITION BY target ORDER BY pair.doubt, pair.total, sample_id) AS place
    FROM sides
)
SELECT kind, target, reference, other, place, sample_id, confidence
FROM (
    FROM listed UNION ALL FROM memorized UNION ALL FROM correlations UNION ALL FROM disagreements
)
WHERE place <= (
    SELECT CASE kind WHEN 'false_alarm' THEN (n_gallery_samples + 3) // 4 ELSE n_gallery_samples END
    FROM settings
)
ORDER BY kind, target, reference NULLS FIRST, place
