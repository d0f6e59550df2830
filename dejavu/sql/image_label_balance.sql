-- feeds: page "Are control and target alike?"; tables/image_exchangeability.csv: label_balance
-- Attacked samples per label: whether target and control are drawn alike.
SELECT
    label_id,
    count(*) FILTER (role = 'target')  AS n_target,
    count(*) FILTER (role = 'control') AS n_control
FROM crops JOIN samples USING (lane, sample_id)
WHERE is_kept AND role IN ('target', 'control') AND lane = 'image'
GROUP BY label_id
ORDER BY label_id
