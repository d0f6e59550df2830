-- feeds: results.json calibrated.caption.<model>.control_check: the blind baseline
-- What is known of every captioned sample outside the model.
SELECT
    r.sample_id, r.role, r.group_id,
    ln(s.n_bytes + 1)               AS ln_bytes,
    ln(s.width_px)                  AS ln_width,
    ln(s.height_px)                 AS ln_height,
    ln(length(s.caption) + 1)       AS ln_caption
FROM splits r JOIN samples s USING (lane, sample_id)
WHERE lane = 'caption' AND r.role IN ('target', 'control')
ORDER BY r.sample_id
