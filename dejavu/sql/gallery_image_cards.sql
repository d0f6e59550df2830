-- feeds: page "Galleries", images: which samples are shown
-- The samples that the galleries of the image lane show, per target in its headline layer and metric.
-- listed: on the list of memorized samples, the most surprising first; `confidence` is their z.
-- memorized: target right, reference wrong, highest memorization confidence first (paper, Figures 11, 12).
-- false_alarm: the same of control samples, which no model was trained on; a quarter as many.
-- correlation: every reference is right; the least sure of them counts (paper, Figure 10).
-- disagreement: `reference` is right and `other`, of another family, is wrong; the less sure of both counts.
-- `confidence` is in nats and higher is surer: entropy of the reference - of the target, or - entropy.
-- Grouping and ranking all samples would take most of a report's time at scale. So a bar is found first: the
-- doubt or confidence that as many samples as are shown reach, for doubts among every 61st sample. Rows that do
-- not reach it cannot be shown. NULL: too few reach it, or a guess came without entropy; then all rows are taken.
WITH listed AS (
    SELECT
        'listed' AS kind, target, NULL AS reference, NULL AS other, sample_id, z AS confidence,
        row_number() OVER (PARTITION BY target ORDER BY z DESC, sample_id) AS place
    FROM memorized_samples
    WHERE is_listed AND lane = 'image' AND target IN (SELECT name FROM targets WHERE is_headline)
),
scored AS NOT MATERIALIZED (
    SELECT target, reference, sample_id, role, reference_correct, is_memorized,
        reference_entropy, memorization_confidence
    FROM image_scores
    WHERE target IN (SELECT name FROM targets WHERE is_headline)
),
confidence_bars AS (
    SELECT target, reference, role, best[n_gallery_samples] AS bar
    FROM (
        SELECT target, reference, role,
            max(memorization_confidence, (SELECT n_gallery_samples FROM settings)) AS best
        FROM scored
        WHERE is_memorized
        GROUP BY target, reference, role
    ) CROSS JOIN settings
),
memorized AS (
    SELECT
        CASE role WHEN 'target' THEN 'memorized' ELSE 'false_alarm' END AS kind,
        target, reference, NULL AS other, sample_id, memorization_confidence AS confidence,
        row_number() OVER (
            PARTITION BY target, reference, role ORDER BY memorization_confidence DESC, sample_id
        ) AS place
    FROM scored JOIN confidence_bars USING (target, reference, role)
    WHERE is_memorized AND role IN ('target', 'control')
        AND (bar IS NULL OR memorization_confidence >= bar)
),
compared AS (
    SELECT target, count(DISTINCT reference) AS n_references, bool_and(reference_entropy IS NOT NULL) AS is_known
    FROM scored
    WHERE role = 'target'
    GROUP BY target
),
few AS MATERIALIZED (
    SELECT target, reference, sample_id, reference_correct, reference_entropy,
        split_part(reference, '@', 1) AS family
    FROM scored
    WHERE role = 'target' AND sample_id % 61 = 0
),
shared_bars AS (
    SELECT target, CASE WHEN is_known THEN best[n_gallery_samples] END AS bar, n_references
    FROM compared CROSS JOIN settings LEFT JOIN (
        SELECT target, min(doubt, (SELECT n_gallery_samples FROM settings)) AS best
        FROM (
            SELECT target, sample_id, max(reference_entropy) AS doubt
            FROM few
            GROUP BY target, sample_id
            HAVING bool_and(reference_correct)
        )
        GROUP BY target
    ) USING (target)
),
shared AS (
    SELECT target, sample_id, max(reference_entropy) AS doubt
    FROM scored JOIN shared_bars USING (target)
    WHERE role = 'target' AND reference_correct AND (bar IS NULL OR reference_entropy <= bar)
    GROUP BY target, sample_id
    HAVING count(*) = any_value(n_references)
),
correlations AS (
    SELECT
        'correlation' AS kind, target, NULL AS reference, NULL AS other, sample_id, 0 - doubt AS confidence,
        row_number() OVER (PARTITION BY target ORDER BY doubt, sample_id) AS place
    FROM shared
),
pair_bars AS (
    SELECT target, CASE WHEN is_known THEN best[n_gallery_samples] END AS bar
    FROM compared CROSS JOIN settings LEFT JOIN (
        SELECT target, min(doubt, (SELECT n_gallery_samples FROM settings)) AS best
        FROM (
            SELECT target, sample_id,
                min(greatest(right_one.reference_entropy, wrong_one.reference_entropy)) AS doubt
            FROM few AS right_one JOIN few AS wrong_one USING (target, sample_id)
            WHERE
                right_one.reference_correct AND NOT wrong_one.reference_correct
                AND right_one.family <> wrong_one.family
                AND right_one.reference <> 'consensus' AND wrong_one.reference <> 'consensus'
            GROUP BY target, sample_id
        )
        GROUP BY target
    ) USING (target)
),
families AS (
    SELECT
        target, sample_id, reference_correct, split_part(reference, '@', 1) AS family,
        min({'entropy': reference_entropy, 'reference': reference}) AS surest
    FROM scored JOIN pair_bars USING (target)
    WHERE role = 'target' AND reference <> 'consensus' AND (bar IS NULL OR reference_entropy <= bar)
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
