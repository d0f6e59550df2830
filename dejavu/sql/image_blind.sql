-- feeds: results.json calibrated.image.<model>.control_check: blind_baseline, uncovered_share
-- What is known of every attacked sample outside the model, and whether any public image has its label: NULL
-- where the run has no labelled public image, since guesses then came from elsewhere.
WITH bank AS (
    SELECT DISTINCT s.label_id
    FROM samples s JOIN splits p USING (lane, sample_id)
    WHERE lane = 'image' AND p.role = 'public' AND s.label_id IS NOT NULL
)
SELECT
    c.sample_id, c.role, s.label_id, r.group_id,
    ln(s.n_bytes + 1)                               AS ln_bytes,
    ln(s.width_px)                                  AS ln_width,
    ln(s.height_px)                                 AS ln_height,
    ln((c.x1 - c.x0)::BIGINT * (c.y1 - c.y0) + 1)   AS ln_crop_area,
    CASE WHEN (SELECT count(*) FROM bank) > 0 THEN s.label_id IN (SELECT label_id FROM bank) END AS is_covered
FROM crops c JOIN samples s USING (lane, sample_id) JOIN splits r USING (lane, sample_id)
WHERE lane = 'image' AND c.is_kept AND c.role IN ('target', 'control')
ORDER BY c.sample_id
