"""Where modules of the network that a program was made from end in it: names, and no modules, survive export.

What leaves a module is what its operations make and others take.
"""

import dataclasses
from collections.abc import Collection, Mapping, Sequence

from dejavu.errors import ParamsError, suggestion

_SHOWN = 5


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One operation of a program."""

    makes: tuple[str, ...]  # values by name
    takes: frozenset[str]
    modules: Mapping[
        str, str
    ]  # that it is part of, each with the run of it (a module may run twice)


def value_of(name: str, layer: str, steps: Sequence[Step], outputs: Collection[str]) -> str:
    """Return the value that is the output of a module, or the value of that name.

    Args:
        name: of a module as the network called it, or of a value of the program.
        layer: that asks for it, for messages.
        steps: of the program, in order.
        outputs: values that the program returns.

    Raises:
        ParamsError: there is neither, or the module gives several values or runs more than once.
    """
    inside = [step for step in steps if name in step.modules]
    if not inside:
        if any(name in step.makes for step in steps):
            return name
        raise ParamsError(
            f"modules.{layer}: the program has no module and no value {name!r}."
            f"{suggestion(name, _names(steps))} What computes nothing of its own when images are embedded "
            "(Dropout, Identity, a norm that was folded into a convolution) leaves no trace in a program: "
            "name the module around it, or the one behind it."
        )
    leaving = [
        value for step in inside for value in step.makes if _leaves(value, name, step, steps)
    ]
    leaving += [v for step in inside for v in step.makes if v in outputs and v not in leaving]
    if len(leaving) != 1:
        more = ", …" if len(leaving) > _SHOWN else ""
        raise ParamsError(
            f"modules.{layer}: {name!r} leaves {len(leaving)} values in the program "
            f"({', '.join(leaving[:_SHOWN])}{more}): it gives several, or runs more than once per image. "
            "Name one of these values, or a module inside it."
        )
    return leaving[0]


def _leaves(value: str, name: str, maker: Step, steps: Sequence[Step]) -> bool:
    run = maker.modules[name]
    return any(value in step.takes for step in steps if step.modules.get(name) != run)


def _names(steps: Sequence[Step]) -> list[str]:
    """Return what can be named: modules first, then values."""
    modules = dict.fromkeys(module for step in steps for module in step.modules if module)
    return [*modules, *(value for step in steps for value in step.makes)]
