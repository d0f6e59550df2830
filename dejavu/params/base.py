"""What every section of params.yaml has in common."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from dejavu.roles import ROLES, Role


class Section(BaseModel):
    """A section of params.yaml: immutable, no unknown keys, no silent conversions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Model(Section):
    """An entry of ``image.models`` or ``caption.models``."""

    @property
    def roles_seen(self) -> tuple[Role, ...]:
        """Return the roles whose samples it was trained on, in the order of `ROLES`.

        Empty: none of them (``trained_on: elsewhere``, and models that say nothing: they see no images).
        """
        stated: Any = getattr(self, "trained_on", ())
        names = (stated,) if isinstance(stated, str) else stated
        return tuple(role for role in ROLES if role in names)


Seen = Annotated[tuple[Role, ...], Field(strict=False, min_length=1)]  # several roles
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1, le=2**31 - 1)]
Names = Annotated[tuple[str, ...], Field(strict=False)]
Positives = Annotated[tuple[Positive, ...], Field(strict=False)]
