-- feeds: Figure 7; tables/image_confidence.csv
-- Memorization confidence of the attacked samples in bins of a quarter nat, and how many of each bin are
-- memorized (paper, Figure 7): headline layer and metric of every target, against every reference.
SELECT
    target,
    reference,
    role,
    floor(4 * memorization_confidence) / 4  AS low,
    low + 0.25                              AS high,
    count(*)                                AS n,
    count(*) FILTER (is_memorized)          AS n_memorized
FROM image_scores
WHERE target IN (SELECT name FROM targets WHERE is_headline)
  AND memorization_confidence IS NOT NULL  -- guesses made elsewhere may come without an entropy
GROUP BY target, reference, role, low
ORDER BY target, reference, role DESC, low
