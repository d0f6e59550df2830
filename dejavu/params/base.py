"""What every section of params.yaml has in common."""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    model_serializer,
    model_validator,
)  # fmt: skip

from dejavu.roles import ROLES, Role

TAGS = ("source", "adapter")  # fields that say which source an entry is of


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a source needs beyond this package's own dependencies, and how to get it."""

    packages: tuple[str, ...] = ()  # modules that must be importable
    install: str = ""  # how to get them
    fetch: tuple[str, ...] = ()  # names of `dejavu fetch`
    hint: str = ""  # what else brings it


class Section(BaseModel):
    """A section of params.yaml: immutable, no unknown keys, no silent conversions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    needs: ClassVar[Needs] = Needs()  # of a section that is one of several sources


class Model(Section):
    """An entry of ``image.models`` or ``caption.models``."""

    # why an entry of this source cannot say `modules`, and what does; of those that can it is not read
    no_modules: ClassVar[str] = "models of this source have no layers inside"
    # what its network computes in when it embeds: bfloat16 by torch's autocast, which gives other vectors
    precision: Literal["float32", "bfloat16"] = "float32"
    has_precision: ClassVar[bool] = True  # false: it computes as its maker had it

    @model_validator(mode="after")
    def _precision_is_ours(self) -> "Model":
        if self.precision != "float32" and not self.has_precision:
            raise ValueError("models of this source compute as they were made: leave precision out")
        return self

    @model_serializer(mode="wrap")
    def _without_the_usual(self, write: Any) -> dict[str, Any]:
        """Say nothing of float32, as records of models did before there was a choice."""
        values: dict[str, Any] = write(self)
        if self.precision == "float32":
            values.pop("precision", None)
        return values

    @model_validator(mode="before")
    @classmethod
    def _modules_are_elsewhere(cls, values: Any) -> Any:
        if isinstance(values, dict) and "modules" in values and "modules" not in cls.model_fields:
            raise ValueError(f"no modules here: {cls.no_modules}")
        return values

    @property
    def roles_seen(self) -> tuple[Role, ...]:
        """Return the roles whose samples it was trained on, in the order of `ROLES`.

        Empty: none of them (``trained_on: elsewhere``, and models that say nothing: they see no images).
        """
        stated: Any = getattr(self, "trained_on", None) or ()
        names = (stated,) if isinstance(stated, str) else stated
        return tuple(role for role in ROLES if role in names)


Seen = Annotated[tuple[Role, ...], Field(strict=False, min_length=1)]  # several roles
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1, le=2**31 - 1)]
Names = Annotated[tuple[str, ...], Field(strict=False)]
Positives = Annotated[tuple[Positive, ...], Field(strict=False)]


def members(union: Any) -> tuple[type[Section], ...]:
    """Return the section classes of a union, in order, without what marks the union."""
    if get_origin(union) is Annotated:
        return members(get_args(union)[0])
    if isinstance(union, type) and issubclass(union, RootModel):
        return members(union.model_fields["root"].annotation)
    if isinstance(union, type) and issubclass(union, Section):
        return (union,)
    return tuple(found for part in get_args(union) for found in members(part))


def tag_of(schema: type[Section]) -> str:
    """Return the name that selects `schema` in a union: its literal `source` or `adapter`."""
    field = next(name for name in TAGS if name in schema.model_fields)
    return str(get_args(schema.model_fields[field].annotation)[0])


def tags_of(union: Any) -> list[str]:
    """Return the names that select the sections of a union, in order."""
    return [tag_of(schema) for schema in members(union)]
