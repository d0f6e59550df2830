"""The caption lane's formulas with Python sets, from their definitions."""

from fractions import Fraction


def predicted(neighbors, objects, k, top):
    """Objects that the first k neighbors show; `neighbors` nearest first, `objects`: id -> set."""
    votes, first = {}, {}
    for rank, neighbor in enumerate(neighbors[:k]):
        for each in objects[neighbor]:
            votes[each] = votes.get(each, 0) + 1
            first.setdefault(each, rank)
    ranked = sorted(votes, key=lambda each: (-votes[each], first[each], each))
    return set(ranked if top is None else ranked[:top])


def precision(guess, truth):
    return Fraction(len(guess & truth), len(guess)) if guess else Fraction(0)


def recall(guess, truth):
    return Fraction(len(guess & truth), len(truth))


def f_score(guess, truth):
    p, r = precision(guess, truth), recall(guess, truth)
    return 2 * p * r / (p + r) if p + r else Fraction(0)


def sign_gap(targets, references):
    wins = sum(a > b for a, b in zip(targets, references, strict=True))
    losses = sum(a < b for a, b in zip(targets, references, strict=True))
    return Fraction(wins - losses, len(targets))


def jaccard(first, second):
    return Fraction(len(first & second), len(first | second)) if first | second else Fraction(1)


def top_l(rows, length):
    """Mean precision, recall and F gap of the `length` samples that come first.

    rows: (sample_id, target guess, reference guess, truth)
    """

    def order(row):
        sample_id, target, reference, truth = row
        hits = len(target & truth) - len(reference & truth)
        return (-hits, -(recall(target, truth) - recall(reference, truth)), sample_id)

    first = sorted(rows, key=order)[:length]
    return [
        sum(
            metric(target, truth) - metric(reference, truth)
            for _, target, reference, truth in first
        )
        / len(first)
        for metric in (precision, recall, f_score)
    ]
