-- feeds: results.json calibrated.<lane>.<model>.list; page: samples on the list of memorized ones
-- How many samples are listed as memorized per target, at the level that the run states; n_above: target
-- samples above everything that they are compared with.
WITH sizes AS (
    SELECT lane, target, count(*) FILTER (role != 'target') AS n_control
    FROM memorized_samples
    GROUP BY ALL
)
SELECT
    lane, target,
    count(*) FILTER (role = 'target')                                       AS n_target,
    any_value(n_control)                                                    AS n_control,
    count(*) FILTER (is_listed)                                             AS n_listed,
    count(*) FILTER (role = 'target' AND p_value <= 1.0 / (n_control + 1))  AS n_above
FROM memorized_samples JOIN sizes USING (lane, target)
GROUP BY lane, target
ORDER BY lane, target
