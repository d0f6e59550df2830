-- feeds: Figures 5 and 6 at p %; results.json dejavu_score_at_<p>, at_<p>_paired; tables/image_scores.csv
-- One row per target, reference, role and p: accuracies on the p % most confident samples.
-- n_top = floor(p * n / 100), at least 1. `own`: each predictor on the samples it is surest about;
-- `paired`: both on the samples the target is surest about. Ties in confidence: by sample_id.
-- NULL: a guess came without an entropy, so nobody knows which samples are the surest.
-- Sorting every comparison would take minutes at scale. So samples are first counted by bins of entropy
-- (0.001 nats); only the bin that holds the border, place n_top, is ranked sample by sample.
WITH bins AS (
    SELECT
        target, reference, role, 'target' AS side, floor(1000 * target_entropy)::BIGINT AS bin,
        count(*)                            AS n,
        count(*) FILTER (target_correct)    AS n_target_correct,
        count(*) FILTER (reference_correct) AS n_reference_correct
    FROM image_scores
    WHERE target_entropy IS NOT NULL
    GROUP BY target, reference, role, bin
    UNION ALL
    SELECT
        target, reference, role, 'reference' AS side, floor(1000 * reference_entropy)::BIGINT AS bin,
        count(*), 0, count(*) FILTER (reference_correct)
    FROM image_scores
    WHERE reference_entropy IS NOT NULL
    GROUP BY target, reference, role, bin
),
filled AS (
    SELECT
        target, reference, role, side, bin, n,
        sum(n) OVER (PARTITION BY target, reference, role, side) AS n_all,
        sum(n) OVER upwards - n                                     AS n_below,
        sum(n_target_correct) OVER upwards - n_target_correct       AS n_target_below,
        sum(n_reference_correct) OVER upwards - n_reference_correct AS n_reference_below
    FROM bins
    WINDOW upwards AS (PARTITION BY target, reference, role, side ORDER BY bin)
),
borders AS (
    SELECT filled.*, percent, greatest(1, percent * n_all // 100) AS n_top
    FROM filled CROSS JOIN at_percents
    WHERE n_below < greatest(1, percent * n_all // 100)
        AND n_below + n >= greatest(1, percent * n_all // 100)
),
candidates AS (
    SELECT b.*, target_correct, reference_correct, target_entropy AS entropy, sample_id
    FROM borders AS b JOIN image_scores AS s
        ON b.target = s.target AND b.reference = s.reference AND b.role = s.role
        AND b.bin = floor(1000 * s.target_entropy)::BIGINT
    WHERE b.side = 'target'
    UNION ALL
    SELECT b.*, target_correct, reference_correct, reference_entropy AS entropy, sample_id
    FROM borders AS b JOIN image_scores AS s
        ON b.target = s.target AND b.reference = s.reference AND b.role = s.role
        AND b.bin = floor(1000 * s.reference_entropy)::BIGINT
    WHERE b.side = 'reference'
),
at_border AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY target, reference, role, side, percent ORDER BY entropy, sample_id
        ) <= n_top - n_below AS is_within
    FROM candidates
),
within_border AS (
    SELECT
        target, reference, role, side, percent,
        count(*) FILTER (is_within AND target_correct)    AS n_target_within,
        count(*) FILTER (is_within AND reference_correct) AS n_reference_within
    FROM at_border
    GROUP BY target, reference, role, side, percent
)
SELECT
    target,
    reference,
    role,
    percent,
    any_value(n_top)::BIGINT                                                        AS n_top,
    sum(n_target_below + n_target_within) FILTER (side = 'target')::BIGINT          AS n_target_correct,
    sum(n_reference_below + n_reference_within) FILTER (side = 'reference')::BIGINT AS n_reference_correct_own,
    sum(n_reference_below + n_reference_within) FILTER (side = 'target')::BIGINT    AS n_reference_correct_paired
FROM borders JOIN within_border USING (target, reference, role, side, percent)
GROUP BY target, reference, role, percent
ORDER BY target, reference, role, percent
