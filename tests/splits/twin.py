"""The rules of a split, one sample after the other, by texts."""

import collections

from dejavu.roles import ROLES, UNUSED
from dejavu.run import seeds


def groups_of(rows, max_bits):
    """Return the places of each sample's group."""
    n = len(rows)
    groups = [{place} for place in range(n)]
    for a in range(n):
        for b in range(a):
            one, two = rows[a], rows[b]
            is_same = one["content_hash"] is not None and one["content_hash"] == two["content_hash"]
            hashes = (one["perceptual_hash"], two["perceptual_hash"])
            if max_bits is not None and None not in hashes:
                is_same |= ((hashes[0] ^ hashes[1]) & (2**64 - 1)).bit_count() <= max_bits
            if is_same and groups[a] is not groups[b]:
                groups[a] |= groups[b]
                for member in groups[b]:
                    groups[member] = groups[a]
    return groups


def drawn(draw, shares):
    end = 0.0
    for role in ROLES:
        end += getattr(shares, role)
        if draw < (1.0 if end > 1 - 1e-9 else end):
            return role, None
    return UNUSED, "remaining_share"


def divided(rows, settings, seed, given=None):
    """Return [(sample_id, role, group_id, reason)], as `assign.assign` does without images."""
    draws = seeds.uniforms(seed, "split.roles", [row["sample_name"] for row in rows])
    groups = groups_of(rows, settings.near_duplicate_bits)
    found = []
    for place, group in enumerate(groups):
        leader = min(group, key=lambda member: rows[member]["sample_name"].encode())
        role, reason = drawn(draws[leader], settings.shares)
        if settings.without_box and not rows[leader]["boxes"] and role != UNUSED:
            role = settings.without_box
        if given is not None:
            if given[place] is not None:
                role, reason = given[place], "given" if given[place] == UNUSED else None
            elif settings.roles_from.source != "folders":
                role, reason = UNUSED, "not_listed"
            elif any(given[member] is not None for member in group):
                role, reason = UNUSED, "duplicate_of_given"
        found.append((role, reason))
    said = collections.defaultdict(list)
    for place, row in enumerate(rows):
        if row["problem"] is not None:
            found[place] = (UNUSED, f"unusable: {row['problem']}")
        elif row["caption"] is not None:
            said[row["caption"].strip()].append(place)
    for places in said.values():
        kept = min(places, key=lambda place: rows[place]["sample_name"].encode())
        for place in set(places) - {kept}:
            found[place] = (UNUSED, f"duplicate_caption: {rows[kept]['sample_id']}")
    _cap(rows, settings, draws, found)
    if given is not None:
        _leaks(groups, found)
    return [
        (row["sample_id"], role, min(rows[member]["sample_id"] for member in group), reason)
        for row, (role, reason), group in zip(rows, found, groups, strict=True)
    ]


def _cap(rows, settings, draws, found):
    if settings.max_per_label is None:
        return
    members = collections.defaultdict(list)
    for place, (role, _) in enumerate(found):
        members[role, rows[place]["label_id"]].append(place)
    for (role, _), places in members.items():
        cap = settings.max_per_label
        limit = cap if isinstance(cap, int) or role == UNUSED else getattr(cap, role)
        if role == UNUSED or limit is None:
            continue
        for place in sorted(places, key=lambda place: draws[place])[limit:]:
            found[place] = (UNUSED, "over_cap")


def _leaks(groups, found):
    roles = [role for role, _ in found]
    for place, role in enumerate(roles):
        held = {roles[member] for member in groups[place]} - {role, UNUSED}
        if role != UNUSED and held:
            found[place] = (role, f"also_in: {', '.join(each for each in ROLES if each in held)}")
