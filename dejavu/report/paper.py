"""What the figures and tables of the paper show, to stand beside ours.

Numbers and findings are quoted from the text of "Measuring Déjà vu Memorization Efficiently" (NeurIPS 2024);
values that it gives as drawings only are described, not measured.
"""

from dejavu.roles import SECOND_MODEL, TEXT_MODEL

Pair = tuple[float | None, float | None]  # PPG, PRG
SHOWS = {  # title of each figure and table, and what the paper says of it
    "figure-2a": (
        "Figure 2a. How well each predictor guesses",
        "In the paper the references guess about equally often; ResNet-50 and NB@2 come close to the "
        "second models of VICReg and Barlow Twins. It draws the accuracies and "
        "prints none, so none stands here.",
    ),
    "figure-2b": (
        "Figure 2b. Labels with most correlations",
        "In the paper the five labels with most correctly guessed crops are the same for k-NN, ResNet "
        "and Naive Bayes. Ours stand in the same order, by number of right guesses; drawn is the share of "
        "the label’s samples.",
    ),
    "figure-3a": (
        "Figure 3a. Do the references agree?",
        "In the paper agreement is low, about 40 %, between models and between one- and two-model tests.",
    ),
    "figure-4": (
        "Figure 4. Do the second model and the text model agree?",
        "Jaccard similarity of the objects that both get right. In the paper it falls with fewer neighbors "
        "or fewer objects, and is 0.84 at 100 neighbors and all objects.",
    ),
    "figure-5": (
        "Figure 5. One-model and two-model tests",
        "In the paper k-NN (two models) and ResNet find about as much in VICReg and Barlow Twins, and much "
        "less in DINO; the score falls as more tags count; one-model tests overestimate slightly. It "
        "draws the scores and prints none.",
    ),
    "figure-6": (
        "Figure 6. Models trained elsewhere, one-model tests only",
        "In the paper pre-trained models memorize less than the same recipes trained on a smaller subset. It "
        "draws the scores and prints none.",
    ),
    "naive-bayes": (
        "Naive Bayes by number of tags (Figures 5 and 6)",
        "In the paper the plain score falls as more tags count, because the reference gets better. The "
        "excess need not.",
    ),
    "figure-7": (
        "Figure 7. Memorization confidence",
        "In the paper (VICReg against ResNet) samples of high memorization confidence are rare, and more "
        "likely to be memorized.",
    ),
    "figure-8": (
        "Figure 8. Population gaps",
        "In the paper (10 neighbors; top object, ten, all): two models 0.02, 0.06, 0.06, both gaps; one "
        "model 0.03, 0.07, 0.10 (PPG) and 0.03, 0.06, 0.06 (PRG); trained on YFCC15M 0.05, 0.07, 0.06 (PPG) "
        "and 0.05, 0.07, 0.09 (PRG). These one-model values are the rows “t2t” of its Tables 3 and 5; the "
        "marks beside ours are of the mode of each chart.",
    ),
    "figure-9": (
        "Figure 9. The most memorized samples",
        "In the paper the gaps are largest for the first few of 40 million samples and fall toward the gap "
        "of the whole population as L grows.",
    ),
    "table-1": (
        "Table 1. What one-model references recover of the two-model tests",
        "The paper’s numbers are ImageNet with 300,000 samples, its own tags and networks.",
    ),
    "tables-2-4": (
        "Tables 2 and 4. Gaps of all objects, by neighbors K",
        "Table 2: CLIP trained on 40 million licensed images. Table 4: OpenCLIP trained on YFCC15M. Other "
        "models, data and annotator than ours.",
    ),
    "tables-3-5": (
        "Tables 3 and 5. Gaps at 10 neighbors, by objects",
        "Table 3: CLIP trained on 40 million licensed images. Table 5: OpenCLIP trained on YFCC15M. Other "
        "models, data and annotator than ours.",
    ),
}  # fmt: skip

TABLE_1 = {  # share of the intersection of the two-model tests, by reference and labels
    "naive_bayes@1": {"all": 0.3204, "top-20": 0.3112, "top-5": 0.2978, "top-1": 0.1351},
    "naive_bayes@2": {"all": 0.4531, "top-20": 0.5019, "top-5": 0.4574, "top-1": 0.3513},
    "naive_bayes@5": {"all": 0.5452, "top-20": 0.6582, "top-5": 0.7021, "top-1": 0.7567},
    "naive_bayes@20": {"all": 0.5932, "top-20": 0.6966, "top-5": 0.7553, "top-1": 0.7837},
    "classifier": {"all": 0.5802, "top-20": 0.7258, "top-5": 0.7601, "top-1": 0.8648},
}
_NEITHER: Pair = (None, None)
# Tables 2 to 5, by (reference, mode): Tables 2 and 4 count all objects, by k; Tables 3 and 5 have 10
# neighbors, by top (None: all objects).
TABLES_K = 10
_BY_K: dict[int, dict[tuple[str, str], dict[int | None, Pair]]] = {
    2: {  # 40 million licensed images
        (SECOND_MODEL, "t2i"): {1: (0.030, 0.030), 10: (0.060, 0.064), 100: (0.054, 0.063)},
        (TEXT_MODEL, "t2i"): {1: (0.014, 0.034), 10: (0.094, 0.082), 100: (0.190, 0.107)},
        (TEXT_MODEL, "t2t"): {1: (0.033, 0.038), 10: (0.098, 0.065), 100: (0.218, 0.061)},
    },
    4: {  # OpenCLIP trained on YFCC15M
        (TEXT_MODEL, "t2i"): {1: (0.140, 0.164), 10: (0.156, 0.165), 100: (0.257, 0.097)},
        (TEXT_MODEL, "t2t"): {1: (0.053, 0.061), 10: (0.054, 0.092), 100: (0.066, 0.080)},
    },
}
_BY_TOP: dict[int, dict[tuple[str, str], dict[int | None, Pair]]] = {
    3: {
        (SECOND_MODEL, "t2i"): {1: (0.022, 0.022), 10: (0.055, 0.056), None: (0.060, 0.064)},
        (TEXT_MODEL, "t2i"): {1: (0.034, 0.034), 10: (0.081, 0.074), None: (0.094, 0.082)},
        (TEXT_MODEL, "t2t"): {1: (0.026, 0.026), 10: (0.068, 0.064), None: (0.098, 0.065)},
    },
    5: {
        (TEXT_MODEL, "t2i"): {1: (0.092, 0.092), 10: (0.143, 0.142), None: (0.156, 0.165)},
        (TEXT_MODEL, "t2t"): {1: (0.054, 0.054), 10: (0.071, 0.071), None: (0.054, 0.092)},
    },
}
# The models of Figure 8, whose values Tables 3 and 5 print.
TRAINED_ON = {
    3: "paper, trained on 40 million licensed images (Table 3)",
    5: "paper, trained on YFCC15M (Table 5)",
}
FIGURE_9_K = (1, 5, 10)
# Figure 4: Jaccard similarity, [second model's setting][text model's setting].
_AGREEMENT_BY_K: dict[int | None, dict[int | None, float]] = {
    1: {1: 0.25, 10: 0.30, 100: 0.25},
    10: {1: 0.29, 10: 0.59, 100: 0.62},
    100: {1: 0.25, 10: 0.61, 100: 0.84},
}
_AGREEMENT_BY_TOP: dict[int | None, dict[int | None, float]] = {
    1: {1: 0.40, 10: 0.23, None: 0.14},
    10: {1: 0.21, 10: 0.64, None: 0.47},
    None: {1: 0.13, 10: 0.45, None: 0.84},
}


def caption_gaps(by: str, reference: str, mode: str, setting: int | None) -> dict[int, Pair]:
    """Return PPG and PRG of Tables 2 and 4 (`by` = ``k``) or 3 and 5 (``top``), by number; None: not in it.

    Args:
        by: ``k`` or ``top``.
        reference: ``second_model`` or ``text_model``; another is not in the paper.
        mode: ``t2i`` or ``t2t``.
        setting: k, or top (None: all objects).
    """
    tables = _BY_K if by == "k" else _BY_TOP
    return {
        table: found.get((reference, mode), {}).get(setting, _NEITHER)
        for table, found in tables.items()
    }


def agreement(
    references: tuple[str, str],
    mode: str,
    *,
    k: tuple[int, int],
    top: tuple[int | None, int | None],
) -> float | None:
    """Return the Jaccard similarity of Figure 4; None where the paper gives none.

    Args:
        references: which two are compared.
        mode: ``t2i`` or ``t2t``.
        k: neighbors of each.
        top: objects of each that count; None: all.
    """
    if (*references, mode) != (SECOND_MODEL, TEXT_MODEL, "t2i"):
        return None
    if top == (None, None):
        return _AGREEMENT_BY_K.get(k[0], {}).get(k[1])
    if k == (100, 100):
        return _AGREEMENT_BY_TOP.get(top[0], {}).get(top[1])
    return None
