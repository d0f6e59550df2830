"""The selections of the galleries once more, with lists and loops."""

import itertools


def listed(rows, n):
    """Return (target, place, sample_id, z) of the samples on the list, at most n per target."""
    found = []
    for target in {row["target"] for row in rows}:
        own = [row for row in rows if row["is_listed"] and row["target"] == target]
        own.sort(key=lambda row: (-row["z"], row["sample_id"]))
        found += [
            (target, i, row["sample_id"], round(row["z"], 4)) for i, row in enumerate(own[:n], 1)
        ]
    return found


def image_cards(score_rows, list_rows, n):
    """Return the cards as (kind, target, reference, other, place, sample_id, confidence)."""
    cards = [
        ("listed", target, None, None, place, sample_id, z)
        for target, place, sample_id, z in listed(list_rows, n)
    ]
    groups: dict = {}
    for row in score_rows:
        if row["is_memorized"]:
            kind = {"target": "memorized", "control": "false_alarm"}[row["role"]]
            groups.setdefault((kind, row["target"], row["reference"]), []).append(row)
    for (kind, target, reference), rows in groups.items():
        rows.sort(key=lambda row: (-row["memorization_confidence"], row["sample_id"]))
        most = n if kind == "memorized" else -(-n // 4)
        for place, row in enumerate(rows[:most], start=1):
            cards.append(
                (
                    kind,
                    target,
                    reference,
                    None,
                    place,
                    row["sample_id"],
                    row["memorization_confidence"],
                )
            )
    samples: dict = {}
    for row in score_rows:
        if row["role"] == "target":
            samples.setdefault((row["target"], row["sample_id"]), []).append(row)
    for target in {target for target, _ in samples}:
        own = {sample_id: rows for (who, sample_id), rows in samples.items() if who == target}
        cards += _correlations(target, own, n) + _disagreements(target, own, n)
    return sorted(cards, key=lambda card: (card[0], card[1], card[2] or "", card[4]))


def _correlations(target, own, n):
    found = [
        (max(row["reference_entropy"] for row in rows), sample_id)
        for sample_id, rows in own.items()
        if all(row["reference_correct"] for row in rows)
    ]
    return [
        ("correlation", target, None, None, place, sample_id, -doubt)
        for place, (doubt, sample_id) in enumerate(sorted(found)[:n], start=1)
    ]


def _disagreements(target, own, n):
    found = []
    for sample_id, rows in own.items():
        pairs = []
        for right, wrong in itertools.product(rows, rows):
            names = right["reference"], wrong["reference"]
            families = {name.partition("@")[0] for name in names}
            differ = right["reference_correct"] and not wrong["reference_correct"]
            if differ and len(families) == 2 and "consensus" not in names:
                entropies = right["reference_entropy"], wrong["reference_entropy"]
                pairs.append((max(entropies), sum(entropies), *names))
        if pairs:
            doubt, total, reference, other = min(pairs)
            found.append((doubt, total, sample_id, reference, other))
    return [
        ("disagreement", target, reference, other, place, sample_id, -doubt)
        for place, (doubt, _, sample_id, reference, other) in enumerate(sorted(found)[:n], start=1)
    ]


def caption_cards(score_rows, list_rows, n, k):
    """Return the cards as (kind, target, mode, reference, other, place, sample_id, confidence)."""
    rows = [row for row in score_rows if row["k"] == k and row["top"] is None]
    groups: dict = {}
    samples: dict = {}
    for row in rows:
        kind = {"target": "memorized", "control": "false_alarm"}[row["role"]]
        gained = row["target_hits"] - row["reference_hits"]
        key = (kind, row["target"], row["mode"], row["reference"])
        if gained > 0:
            groups.setdefault(key, []).append(
                (-gained, -gained / row["n_objects"], row["sample_id"])
            )
        if row["role"] == "target":
            samples.setdefault((row["target"], row["mode"], row["sample_id"]), []).append(row)
    cards = [
        ("listed", target, "t2i", None, None, place, sample_id, z)
        for target, place, sample_id, z in listed(list_rows, n)
    ]
    for (kind, target, mode, reference), found in groups.items():
        most = n if kind == "memorized" else -(-n // 4)
        for place, (lost, _, sample_id) in enumerate(sorted(found)[:most], start=1):
            cards.append((kind, target, mode, reference, None, place, sample_id, -lost))
    shared: dict = {}
    apart: dict = {}
    for (target, mode, sample_id), own in samples.items():
        worst = min(own, key=lambda row: (row["reference_hits"], row["reference"]))
        best = min(own, key=lambda row: (-row["reference_hits"], row["reference"]))
        size, hits = own[0]["n_objects"], worst["reference_hits"]
        gap = best["reference_hits"] - hits
        if hits:
            n_predicted = max(row["reference_predicted"] for row in own)
            order = (-hits / size, -size, n_predicted, sample_id)
            shared.setdefault((target, mode), []).append((order, hits))
        if gap:
            order = (-gap, -gap / size, sample_id)
            apart.setdefault((target, mode), []).append(
                (order, best["reference"], worst["reference"])
            )
    for (target, mode), found in shared.items():
        for place, (order, hits) in enumerate(sorted(found)[:n], start=1):
            cards.append(("correlation", target, mode, None, None, place, order[-1], hits))
    for (target, mode), found in apart.items():
        for place, (order, best, worst) in enumerate(sorted(found)[:n], start=1):
            cards.append(("disagreement", target, mode, best, worst, place, order[-1], -order[0]))
    return sorted(cards, key=lambda card: (card[0], card[1], card[2], card[3] or "", card[5]))
