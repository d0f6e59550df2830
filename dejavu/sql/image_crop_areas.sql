-- feeds: page "Are control and target alike?"; tables/image_exchangeability.csv: crop_area
-- Area of each attacked crop in pixels: whether target and control are drawn alike.
SELECT role, sample_id, (x1 - x0) * (y1 - y0) AS area_px
FROM crops
WHERE is_kept AND role IN ('target', 'control')
ORDER BY role, sample_id
