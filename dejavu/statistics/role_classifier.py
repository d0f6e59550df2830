"""How well a classifier tells two roles apart: its scores of samples that it has not seen."""

import warnings

import numpy as np
from jaxtyping import Bool, Float64, Int64
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from dejavu.statistics.design import DesignMatrix

_COLUMNS_AT_ONCE = 64


def out_of_fold(
    x: DesignMatrix, is_target: Bool[np.ndarray, " n"], fold: Int64[np.ndarray, " n"]
) -> Float64[np.ndarray, " n"]:
    """Return the decision value of every sample by logistic regression on the folds that it is not in.

    Columns are scaled to unit variance; the penalty is scikit-learn's (L2, C = 1).
    """
    score = np.empty(len(fold))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # its ranking is good enough by then
        for each in np.unique(fold):
            score[fold == each] = _scores(x, is_target, fold == each)
    return score


def _scores(
    x: DesignMatrix, is_target: Bool[np.ndarray, " n"], is_own: Bool[np.ndarray, " n"]
) -> Float64[np.ndarray, " m"]:
    others, own = np.asarray(x[~is_own]), np.asarray(x[is_own])
    for start in range(0, x.shape[1], _COLUMNS_AT_ONCE):  # all at once would take a second copy
        columns = slice(start, start + _COLUMNS_AT_ONCE)
        scaler = StandardScaler()
        others[:, columns] = scaler.fit_transform(others[:, columns])
        own[:, columns] = scaler.transform(own[:, columns])
    found: np.ndarray = (
        LogisticRegression(max_iter=200).fit(others, is_target[~is_own]).decision_function(own)
    )
    return found
