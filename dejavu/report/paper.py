"""What the figures and tables of the paper show, to stand beside ours.

Numbers and findings are quoted from the text of "Measuring Déjà vu Memorization Efficiently" (NeurIPS 2024);
values that it gives as drawings only are described, not measured.
"""

from collections.abc import Sequence

from dejavu.report.page.elements import Block, Figure, Grid

SHOWS = {
    "figure-2a": (
        "Figure 2a. How well each predictor guesses",
        "In the paper the references guess about equally often; ResNet-50 and NB@2 come close to the "
        "second models of VICReg and Barlow Twins.",
    ),
    "figure-2b": (
        "Figure 2b. Labels with most correlations",
        "In the paper the five labels with most correctly guessed crops are the same for k-NN, ResNet "
        "and Naive Bayes.",
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
        "less in DINO; the score falls as more tags count; one-model tests overestimate slightly.",
    ),
    "figure-6": (
        "Figure 6. Models trained elsewhere, one-model tests only",
        "In the paper pre-trained models memorize less than the same recipes trained on a smaller subset.",
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
        "and 0.05, 0.07, 0.09 (PRG).",
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


def block(
    key: str, *, figures: Sequence[Figure] = (), grids: Sequence[Grid] = (), absent: str
) -> Block:
    """Return one figure or table of the paper with ours.

    Args:
        key: which one.
        figures: our figures.
        grids: our tables.
        absent: what to say where there is nothing of ours.
    """
    title, shown = SHOWS[key]
    is_empty = not figures and not grids
    return Block(
        key=key, title=title, paper=shown, figures=tuple(figures), grids=tuple(grids),
        absent=absent if is_empty else "",
    )  # fmt: skip
