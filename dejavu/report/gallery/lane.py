"""What one lane contributes to the galleries, in the words of the page's script."""

import dataclasses
from collections.abc import Mapping, Sequence

from dejavu.report.gallery.records import Card, Evidence, Guess, Neighbors, Sample
from dejavu.report.gallery.thumbnails import Wanted
from dejavu.report.image.tables import in_order
from dejavu.report.numbers import Node
from dejavu.tables import queries
from dejavu.tables.catalog import Catalog
from dejavu.tables.records import Record, rows_as

_NO_LIST = """
CREATE OR REPLACE TEMP TABLE memorized_samples (
    lane VARCHAR, target VARCHAR, sample_id BIGINT, z DOUBLE, is_listed BOOLEAN
)
"""
DECIMALS = 4  # of nats, similarities and shares in the page


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """The cards of one lane, and what they refer to.

    A card names a sample, and with ``by`` the search that is under audit: a target, or
    ``target/mode`` in the caption lane.
    """

    name: str
    cards: Sequence[Card]
    samples: Mapping[str, Sample]  # by key: the lane's first letter and the sample id
    guesses: Mapping[str, Mapping[str, Sequence[Guess]]]  # by -> key -> per guesser, target first
    neighbors: Mapping[str, Mapping[str, Neighbors]]  # searcher -> key
    searchers: Mapping[str, Mapping[str, str]]  # by, as in the parameters -> reference -> searcher
    start: Mapping[str, str]  # by and reference that a reader sees first, if they have cards
    evidence: Evidence | None = None  # for Naive Bayes

    def reduced(self, n: int) -> "Lane":
        """Return the lane with the first `n` places of every list alone."""
        cards = [card for card in self.cards if card.place <= n]
        attacked = {(card.by, card.sample) for card in cards}
        guesses = {
            by: {key: each for key, each in found.items() if (by, key) in attacked}
            for by, found in self.guesses.items()
        }
        own = {key for _, key in attacked}
        neighbors = {
            searcher: {key: each for key, each in found.items() if key in own}
            for searcher, found in self.neighbors.items()
        }
        near = {
            key for found in neighbors.values() for each in found.values() for key, _ in each.near
        }
        evidence = self.evidence
        if evidence is not None:
            tags = {
                name: {key: each for key, each in found.items() if key in own}
                for name, found in evidence.tags.items()
            }
            evidence = dataclasses.replace(evidence, tags=tags)
        samples = {key: each for key, each in self.samples.items() if key in own | near}
        return dataclasses.replace(
            self,
            cards=cards,
            guesses=guesses,
            neighbors=neighbors,
            samples=samples,
            evidence=evidence,
        )

    def node(self) -> Node:
        """Return the lane as JSON, for the script."""
        listed = {card.reference for card in self.cards} | {card.other for card in self.cards}
        with_cards = {card.by for card in self.cards}
        return {
            "cards": [card.node() for card in self.cards],
            "samples": {key: sample.node() for key, sample in self.samples.items()},
            "guesses": {
                by: {key: [each.node() for each in every] for key, every in found.items()}
                for by, found in self.guesses.items()
            },
            "neighbors": {
                searcher: {key: each.node() for key, each in found.items()}
                for searcher, found in self.neighbors.items()
            },
            "searchers": self.searchers,
            "evidence": {} if self.evidence is None else self.evidence.node(),
            "targets": [by for by in self.searchers if by in with_cards],
            "references": in_order(each for each in listed if each is not None),
            "start": self.start,
        }

    def wanted(self) -> list[Wanted]:
        """Return the images of the cards, those of the first places first."""
        places: dict[str, int] = {}
        for card in self.cards:
            places[card.sample] = min(card.place, places.get(card.sample, card.place))
        order: dict[str, tuple[int, ...]] = {key: (0, place) for key, place in places.items()}
        for found in self.neighbors.values():
            for key, each in found.items():
                for rank, (near, _) in enumerate(each.near):
                    importance: tuple[int, ...] = (1, places[key] + rank, rank)
                    order[near] = min(order.get(near, importance), importance)
        images = []
        for key, importance in order.items():
            sample = self.samples.get(key)
            if sample is None:
                continue
            images.append(
                Wanted(
                    importance=(*importance, 0, sample.sample_id), key=key, uri=sample.uri, box=None
                )
            )
            if sample.crop and key in places:
                crop = Wanted(
                    importance=(*importance, 1, sample.sample_id),
                    key=f"{key}x",
                    uri=sample.uri,
                    box=sample.crop,
                )
                images.append(crop)
        return sorted(images)


def has_columns(opened: Catalog, view: str, *columns: str) -> bool:
    """Return whether a view is there and has these columns."""
    found = {each.name: each.columns for each in opened.views()}
    return set(columns) <= set(found.get(view, {}))


def require_list(opened: Catalog) -> None:
    """Stand an empty list of memorized samples in where the run made none."""
    opened.add_views(["memorized_samples"])
    if not has_columns(opened, "memorized_samples", "is_listed"):
        opened.connection.execute(_NO_LIST)


def keep_table(opened: Catalog, name: str, record: type[Record]) -> list[Record]:
    """Run a query, keep its rows as a table for the queries that use it, and return them."""
    opened.connection.execute(queries.table(name))
    return rows_as(record, opened.table(f"FROM {name}"))


def rows(opened: Catalog, name: str, record: type[Record]) -> list[Record]:
    """Return the rows of a query whose tables `keep_table` has made."""
    return rows_as(record, opened.table(queries.body(name)))


def number(value: float | None) -> float | None:
    """Return a number as the page holds it: four decimals, no negative zero."""
    return None if value is None else round(float(value), DECIMALS) + 0.0
