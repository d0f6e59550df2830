"""Self-supervised methods: which views they see, their loss, and what they keep.

Losses and heads are lightly's; a method adds what surrounds them (views, teacher, prototypes).
"""

import copy
import math
from collections.abc import Callable

import torch
from jaxtyping import Float, Float32
from lightly.loss import BarlowTwinsLoss, DINOLoss, NTXentLoss, VICRegLoss
from torch import Tensor, nn

from dejavu.models.encoders import trained_network
from dejavu.models.encoders.trained_network import EncoderNetwork
from dejavu.models.training.augment import View
from dejavu.models.training.team import gathered
from dejavu.params.encoders import (
    BarlowTwinsRecipe,
    DinoRecipe,
    SimclrRecipe,
    TrainingRecipe,
    VicregRecipe,
)

# Runs a backbone on normalized views, in mixed precision (`dejavu.models.devices`).
Forward = Callable[[nn.Module, Tensor], Tensor]


class Method(nn.Module):
    """What the training loop needs to know of a method."""

    def kept(self) -> EncoderNetwork:
        """Return the network that the training is for."""
        raise NotImplementedError

    def views(self) -> list[View]:
        """Return which fast views of an image the loss wants, in order."""
        raise NotImplementedError

    def forward(
        self, views: list[Float32[Tensor, "n 3 _ _"]], run: Forward
    ) -> tuple[Float[Tensor, ""], Float[Tensor, "m dim"]]:
        """Return the loss of a batch, of all processes, and the projections it was computed from.

        Args:
            views: normalized, of each kind one per image.
            run: runs a backbone.
        """
        raise NotImplementedError

    def after_step(self, progress: float) -> None:
        """React to an optimizer step; `progress` is the share of the training done."""


class TwoViews(Method):
    """VICReg, Barlow Twins, SimCLR: one network, two views, a loss on the two projections."""

    def __init__(self, recipe: TrainingRecipe, criterion: nn.Module) -> None:
        super().__init__()
        self.network = trained_network.network(recipe)
        self.criterion = criterion
        self._view = View(
            size_px=recipe.view_px,
            min_scale=recipe.min_crop_scale,
            color_jitter=recipe.color_jitter,
        )

    def kept(self) -> EncoderNetwork:
        """Return the one network."""
        return self.network

    def views(self) -> list[View]:
        """Return the same kind twice."""
        return [self._view, self._view]

    def forward(
        self, views: list[Float32[Tensor, "n 3 _ _"]], run: Forward
    ) -> tuple[Float[Tensor, ""], Float[Tensor, "m dim"]]:
        """Return the loss of two views per image."""
        projections = self.network.projector(run(self.network.backbone, torch.cat(views)))
        both = [gathered(each) for each in projections.chunk(2)]
        return self.criterion(*both), torch.cat(both)


class Dino(Method):
    """DINO: a student learns the prototypes that a slowly moving teacher assigns to other views."""

    def __init__(self, recipe: DinoRecipe) -> None:
        super().__init__()
        self.student = trained_network.network(recipe)
        self.prototypes = nn.Linear(recipe.projector_dim, recipe.n_prototypes, bias=False)
        self.teacher = copy.deepcopy(self.student).requires_grad_(False)
        self.teacher_prototypes = copy.deepcopy(self.prototypes).requires_grad_(False)
        self.criterion = DINOLoss(
            recipe.n_prototypes,
            warmup_teacher_temp=recipe.teacher_temperature,
            teacher_temp=recipe.teacher_temperature,
            student_temp=recipe.student_temperature,
        )
        self._recipe = recipe
        jitter = recipe.color_jitter
        self._global = View(
            size_px=recipe.view_px, min_scale=recipe.global_scale, color_jitter=jitter
        )
        self._local = View(
            size_px=recipe.local_view_px, min_scale=recipe.min_crop_scale,
            max_scale=recipe.global_scale, color_jitter=jitter,
        )  # fmt: skip

    def kept(self) -> EncoderNetwork:
        """Return the teacher, as DINO does."""
        return self.teacher

    def views(self) -> list[View]:
        """Return two global views, and the local ones."""
        return [self._global] * 2 + [self._local] * self._recipe.n_local_views

    def forward(
        self, views: list[Float32[Tensor, "n 3 _ _"]], run: Forward
    ) -> tuple[Float[Tensor, ""], Float[Tensor, "m dim"]]:
        """Return the cross-entropy between the teacher's and the student's prototypes.

        It is a mean over images, so each process takes its own; the center is that of all of them.
        """
        both, local = torch.cat(views[:2]), views[2:]
        with torch.no_grad():
            bottleneck = self.teacher.projector(run(self.teacher.backbone, both))
            assigned = _scores(bottleneck, self.teacher_prototypes)
        features = [run(self.student.backbone, both)]
        if local:
            features.append(run(self.student.backbone, torch.cat(local)))
        projected = self.student.projector(torch.cat(features))
        guessed = _scores(projected, self.prototypes)
        loss = self.criterion(list(assigned.chunk(2)), list(guessed.chunk(len(views))))
        return loss, gathered(bottleneck)

    @torch.no_grad()
    def after_step(self, progress: float) -> None:
        """Move the teacher toward the student; the momentum rises to 1 along a cosine."""
        start = self._recipe.teacher_momentum
        momentum = 1 - (1 - start) * (1 + math.cos(math.pi * progress)) / 2
        pairs = ((self.teacher, self.student), (self.teacher_prototypes, self.prototypes))
        for teacher, student in pairs:
            for moving, fixed in zip(teacher.parameters(), student.parameters(), strict=True):
                moving.lerp_(fixed, 1 - momentum)


def _scores(bottleneck: Float[Tensor, "n dim"], prototypes: nn.Linear) -> Float[Tensor, "n k"]:
    """Return cosines between bottleneck vectors and prototypes."""
    normalize = nn.functional.normalize
    return normalize(bottleneck, dim=1) @ normalize(prototypes.weight, dim=1).T


def build(recipe: TrainingRecipe) -> Method:
    """Build the untrained method of a recipe; torch's generator decides its weights."""
    if isinstance(recipe, VicregRecipe):
        return TwoViews(recipe, VICRegLoss(recipe.invariance, recipe.variance, recipe.covariance))
    if isinstance(recipe, BarlowTwinsRecipe):
        return TwoViews(recipe, BarlowTwinsLoss(recipe.redundancy))
    if isinstance(recipe, SimclrRecipe):
        return TwoViews(recipe, NTXentLoss(recipe.temperature))
    return Dino(recipe)
