-- feeds: page "Are control and target alike?"; tables/caption_exchangeability.csv
-- Whether control samples are like target samples in what no model was trained on: objects per image, and the
-- reference's own precision and recall. Sums are whole multiples of 1e-12.
SELECT
    target, reference, mode, k, top, role,
    count(*)                                                            AS n,
    sum(n_objects) / count(*)                                           AS mean_objects,
    sum(round(1e12 * reference_precision)::HUGEINT) / 1e12 / count(*)   AS mean_precision,
    sum(round(1e12 * reference_recall)::HUGEINT) / 1e12 / count(*)      AS mean_recall
FROM caption_scores
WHERE reference != 'second_model'
GROUP BY target, reference, mode, k, top, role
ORDER BY target, reference, mode, k, top NULLS LAST, role
