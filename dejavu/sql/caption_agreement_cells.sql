-- feeds: Figure 4; tables/caption_agreement.csv
-- Pairs of references: one row per pair, setting, role and kind of sample, and how many samples are of that
-- kind. The Jaccard similarity of the correctly predicted objects follows from the three counts
-- (paper, Figure 4).
SELECT
    target, mode, first, second, first_k, second_k, first_top, second_top, role,
    first_hits, second_hits, common_hits,
    count(*)                                                            AS n
FROM reference_agreement
GROUP BY ALL
ORDER BY ALL NULLS LAST
