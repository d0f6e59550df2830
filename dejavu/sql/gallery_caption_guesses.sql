-- feeds: page "Galleries", captions: what each reference brings back
-- How many true objects the target and every reference bring back for each sample of the caption galleries.
-- uses: gallery_caption_cards
WITH picked AS (SELECT DISTINCT target, mode, k, sample_id FROM gallery_caption_cards)
SELECT
    target, mode, k, sample_id, reference, n_objects, target_hits, target_predicted,
    reference_hits, reference_predicted
FROM caption_scores
JOIN picked USING (target, mode, k, sample_id)
WHERE top IS NOT DISTINCT FROM (SELECT top FROM caption_headline)
ORDER BY target, mode, sample_id, reference
