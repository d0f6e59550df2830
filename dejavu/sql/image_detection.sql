-- feeds: results.json image.<model>.<reference>.excess: shares and precision at few false positives; tables/image_calibration.csv
-- One row per target, reference and percent: memorized samples whose memorization confidence is above
-- the cut that at most `percent` % of all control samples exceed. The cut is the confidence of the
-- first control sample that may not pass (ties fail with it); NULL: all may pass.
WITH sizes AS (
    SELECT
        target, reference,
        count(*) FILTER (role = 'target')  AS n_target,
        count(*) FILTER (role = 'control') AS n_control
    FROM image_scores
    GROUP BY target, reference
),
flagged AS (
    SELECT target, reference, role, memorization_confidence AS confidence
    FROM image_scores
    WHERE is_memorized
),
ranked AS (
    SELECT
        target, reference, confidence,
        row_number() OVER (PARTITION BY target, reference ORDER BY confidence DESC) AS place
    FROM flagged
    WHERE role = 'control'
),
cuts AS (
    SELECT sizes.*, percent, confidence AS cut
    FROM sizes
    CROSS JOIN false_positive_percents
    LEFT JOIN ranked
        ON ranked.target = sizes.target AND ranked.reference = sizes.reference
        AND place = percent * n_control // 100 + 1
)
SELECT
    cuts.target,
    cuts.reference,
    percent,
    n_target,
    n_control,
    cut,
    count(*) FILTER (role = 'target' AND confidence > coalesce(cut, '-infinity'::DOUBLE))  AS n_target_above,
    count(*) FILTER (role = 'control' AND confidence > coalesce(cut, '-infinity'::DOUBLE)) AS n_control_above
FROM cuts
LEFT JOIN flagged ON flagged.target = cuts.target AND flagged.reference = cuts.reference
GROUP BY cuts.target, cuts.reference, percent, n_target, n_control, cut
ORDER BY cuts.target, cuts.reference, percent
