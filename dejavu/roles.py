"""The names of roles and of references, once (paper, sections 2 and 3)."""

from typing import Final, Literal

Role = Literal["target", "reference", "public", "control"]

TARGET: Final = "target"  # the model under test was trained on it, and it is attacked
REFERENCE: Final = "reference"  # trains the references and the second model
PUBLIC: Final = "public"  # the labelled bank that neighbors come from
CONTROL: Final = "control"  # no model was trained on it; attacked exactly like the target role
UNUSED: Final = "unused"  # has no role

ROLES: Final = (TARGET, REFERENCE, PUBLIC, CONTROL)
ATTACKED: Final = (TARGET, CONTROL)

SECOND_MODEL: Final = "second_model"  # reference: a model of the same recipe on the reference role
TEXT_MODEL: Final = "text_model"  # reference, caption lane: a text embedding model
ORACLE: Final = "oracle"  # reference: the true distribution, which embedded corpora know
CONSENSUS: Final = "consensus"  # reference: right if any of several references is right
