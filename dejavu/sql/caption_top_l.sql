-- feeds: Figure 9; tables/caption_top_l.csv, plot_caption_top_l.csv
-- Mean gaps of the first L samples of each comparison, most memorized first: by correct objects of the
-- target - of the reference, then by recall gap, then by id (paper, Figure 9). Table `lengths` holds the
-- values of L; the last one is cut at the number of samples.
-- Intervals (95 %, ours, L of 30 and more): that of a trimmed mean, by its influence function. With a = L / n, T the
-- mean of the first L, V their variance and M the mean gap near place L, the squared standard error is
-- (V + (1 - a) (T - M)^2) / L: where the cut falls varies with the draw of samples as well.
-- Gaps are summed as whole multiples of 1e-12, so the order of summation cannot change them.
WITH ranked AS (
    SELECT
        target, reference, mode, k, top, role,
        row_number() OVER (
            PARTITION BY target, reference, mode, k, top, role
            ORDER BY
                target_hits - reference_hits DESC,
                (target_hits - reference_hits) / n_objects DESC,
                sample_id
        )                                                               AS place,
        round(1e12 * (target_precision - reference_precision))::HUGEINT AS precision_gap,
        round(1e12 * (target_hits - reference_hits) / n_objects)::HUGEINT AS recall_gap,
        round(1e12 * (2 * target_hits / (target_predicted + n_objects)
            - 2 * reference_hits / (reference_predicted + n_objects)))::HUGEINT AS f_gap
    FROM caption_scores
),
steps AS (
    SELECT
        target, reference, mode, k, top, role, lengths.length,
        count(*) AS n,
        sum(precision_gap) AS precision_gap, sum(precision_gap * precision_gap) AS precision_gap_squared,
        sum(recall_gap) AS recall_gap, sum(recall_gap * recall_gap) AS recall_gap_squared,
        sum(f_gap) AS f_gap, sum(f_gap * f_gap) AS f_gap_squared
    FROM ranked ASOF JOIN lengths ON ranked.place <= lengths.length
    GROUP BY ALL
),
near AS (
    SELECT
        target, reference, mode, k, top, role, around.length,
        sum(precision_gap) / 1e12 / count(*) AS precision_gap_there,
        sum(recall_gap) / 1e12 / count(*) AS recall_gap_there,
        sum(f_gap) / 1e12 / count(*) AS f_gap_there
    FROM ranked ASOF JOIN (
        SELECT length, length - length // 5 AS first_place, length + length // 5 AS last_place FROM lengths
    ) AS around ON ranked.place >= around.first_place
    WHERE place <= last_place
    GROUP BY ALL
),
summed AS (
    SELECT
        target, reference, mode, k, top, role, steps.length AS step,
        sum(n) OVER upto AS length,
        sum(n) OVER (PARTITION BY target, reference, mode, k, top, role) AS total,
        sum(precision_gap) OVER upto / 1e12 / sum(n) OVER upto AS precision_gap,
        sum(precision_gap_squared) OVER upto / 1e24 / sum(n) OVER upto AS precision_gap_squared,
        sum(recall_gap) OVER upto / 1e12 / sum(n) OVER upto AS recall_gap,
        sum(recall_gap_squared) OVER upto / 1e24 / sum(n) OVER upto AS recall_gap_squared,
        sum(f_gap) OVER upto / 1e12 / sum(n) OVER upto AS f_gap,
        sum(f_gap_squared) OVER upto / 1e24 / sum(n) OVER upto AS f_gap_squared
    FROM steps
    WINDOW upto AS (PARTITION BY target, reference, mode, k, top, role ORDER BY steps.length)
),
spread AS (
    SELECT
        summed.*,
        CASE WHEN summed.length >= 30 THEN 1.959964 * sqrt((
            greatest(precision_gap_squared - precision_gap * precision_gap, 0)
            + (1 - summed.length / total) * (precision_gap - coalesce(precision_gap_there, precision_gap)) ** 2
        ) / summed.length) END AS precision_gap_half,
        CASE WHEN summed.length >= 30 THEN 1.959964 * sqrt((
            greatest(recall_gap_squared - recall_gap * recall_gap, 0)
            + (1 - summed.length / total) * (recall_gap - coalesce(recall_gap_there, recall_gap)) ** 2
        ) / summed.length) END AS recall_gap_half,
        CASE WHEN summed.length >= 30 THEN 1.959964 * sqrt((
            greatest(f_gap_squared - f_gap * f_gap, 0)
            + (1 - summed.length / total) * (f_gap - coalesce(f_gap_there, f_gap)) ** 2
        ) / summed.length) END AS f_gap_half
    FROM summed LEFT JOIN near
        ON summed.step = near.length
        AND summed.target = near.target AND summed.reference = near.reference
        AND summed.mode = near.mode AND summed.k = near.k
        AND summed.top IS NOT DISTINCT FROM near.top AND summed.role = near.role
)
SELECT
    target, reference, mode, k, top, role, length::BIGINT AS length,
    precision_gap, precision_gap - precision_gap_half AS precision_gap_low, precision_gap + precision_gap_half AS precision_gap_high,
    recall_gap, recall_gap - recall_gap_half AS recall_gap_low, recall_gap + recall_gap_half AS recall_gap_high,
    f_gap, f_gap - f_gap_half AS f_gap_low, f_gap + f_gap_half AS f_gap_high
FROM spread
ORDER BY target, reference, mode, k, top NULLS LAST, role, length
