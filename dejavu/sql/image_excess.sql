-- One row per target and reference: the score on target and on control samples, and their difference.
-- Nobody trained on control samples, so the control score is the bias of the test.
WITH scores AS (
    SELECT
        target, reference, role, count(*) AS n,
        (count(*) FILTER (target_correct) - count(*) FILTER (reference_correct)) / n AS dejavu_score,
        count(*) FILTER (is_memorized) / n AS memorized_share
    FROM image_scores
    GROUP BY target, reference, role
)
SELECT
    attacked.target,
    attacked.reference,
    attacked.n                                              AS n_target,
    control.n                                               AS n_control,
    attacked.dejavu_score                                   AS target_score,
    control.dejavu_score                                    AS control_score,
    attacked.dejavu_score - control.dejavu_score            AS excess,
    attacked.memorized_share                                AS target_memorized_share,
    control.memorized_share                                 AS control_memorized_share
FROM scores AS attacked
JOIN scores AS control
    ON attacked.target = control.target AND attacked.reference = control.reference
WHERE attacked.role = 'target' AND control.role = 'control'
ORDER BY attacked.target, attacked.reference
