-- feeds: Figure 9; tables/caption_top_l.csv, plot_caption_top_l.csv
-- Mean gaps of the first L samples of each comparison, most memorized first: by correct objects of the
-- target - of the reference, then by recall gap, then by id (paper, Figure 9). Table `lengths` holds the
-- values of L; the last one is cut at the number of samples.
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
        count(*)                                                        AS n,
        sum(precision_gap)                                              AS precision_gap,
        sum(recall_gap)                                                 AS recall_gap,
        sum(f_gap)                                                      AS f_gap
    FROM ranked ASOF JOIN lengths ON ranked.place <= lengths.length
    GROUP BY ALL
)
SELECT
    target, reference, mode, k, top, role,
    (sum(n) OVER upto)::BIGINT                                          AS length,
    sum(precision_gap) OVER upto / 1e12 / sum(n) OVER upto              AS precision_gap,
    sum(recall_gap) OVER upto / 1e12 / sum(n) OVER upto                 AS recall_gap,
    sum(f_gap) OVER upto / 1e12 / sum(n) OVER upto                      AS f_gap
FROM steps
WINDOW upto AS (PARTITION BY target, reference, mode, k, top, role ORDER BY steps.length)
ORDER BY target, reference, mode, k, top NULLS LAST, role, length
