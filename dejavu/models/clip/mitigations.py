"""What a recipe may do in training so that captions are memorized less: words left out, noise on vectors.

Nothing of it happens when captions or images are embedded.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int, Int64
from torch import Tensor

from dejavu.models.clip.network import Tokenizer
from dejavu.models.training.part import Part
from dejavu.run import seeds


def masked(caption: str, share: float, rng: np.random.Generator) -> str:
    """Leave out each word of a caption with probability `share`; one at least stays."""
    words = caption.split()
    if not words or share == 0:
        return caption
    draws = rng.random(len(words))
    is_kept = draws >= share
    is_kept[draws.argmax()] = True
    return " ".join(word for word, kept in zip(words, is_kept, strict=True) if kept)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Masking:
    """Captions of an epoch with words left out; what is left out depends on epoch and place alone."""

    captions: Sequence[str]
    tokenize: Tokenizer
    share: float  # of the words, in [0, 1]
    seed: int  # of the epoch

    def tokens(
        self, rows: Int[Tensor, " n"], places: Int[Tensor, " n"]
    ) -> Int64[Tensor, "n context"]:
        """Return the tokens of some captions.

        Args:
            rows: which captions.
            places: of each in the order of the epoch, over all processes.
        """
        return self.tokenize(
            [
                masked(self.captions[row], self.share, seeds.generator(self.seed, f"text.{place}"))
                for row, place in zip(rows.tolist(), places.tolist(), strict=True)
            ]
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Gaussian noise on the unit vectors of images and captions, before the loss compares them."""

    std: float  # of each coordinate; 0: none
    rng: np.random.Generator  # of the epoch; every call draws for the whole batch
    batch_size: int  # of all processes
    part: Part  # the part of it that this process works on

    def added(
        self, seen: Float[Tensor, "n dim"], read: Float[Tensor, "n dim"]
    ) -> tuple[Float[Tensor, "n dim"], Float[Tensor, "n dim"]]:
        """Return both with noise of their own, of unit length again."""
        if self.std == 0:
            return seen, read
        shape = (2, self.batch_size, seen.shape[1])
        drawn = torch.from_numpy(self.rng.standard_normal(shape, dtype=np.float32))
        mine = self.std * drawn[:, self.part.of(len(seen))].to(seen.device)
        noisy = [
            torch.nn.functional.normalize(vectors + noise, dim=1)
            for vectors, noise in zip((seen, read), mine, strict=True)
        ]
        return noisy[0], noisy[1]
