"""Whether an ask is what the catalog takes: every fault at once, each with a pointer into the body."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from bot.core.errors import Malformed
from bot.core.literal import identifier
from bot.core.policy.model import ActionType
from bot.core.policy.parameters import objection
from bot.core.policy.problems import suggestion
from bot.core.terms import Ask

PARAMETERS = "/action/parameters"


def validate(ask: Ask, known: ActionType | None) -> None:
    """Raise `Malformed` if anything of the ask is not what the catalog takes; values are never repeated."""
    faults = (*_identifiers(ask, known), *(_parameters(ask, known) if known else ()))
    if faults:
        raise Malformed("The ask is not what the catalog takes.", pointers=faults)


def _identifiers(ask: Ask, known: ActionType | None) -> Iterator[tuple[str, str]]:
    named = [] if known else [("/action/name", ask.action.name)]
    if ask.resource is not None:
        named += [("/resource/type", ask.resource.type), ("/resource/id", ask.resource.id)]
    known_names = known.parameters if known else {}  # their names were checked when the catalog loaded
    named += [(_pointer(name), name) for name in ask.action.parameters if name not in known_names]
    for pointer, text in named:
        try:
            identifier(text)
        except Malformed as error:
            yield pointer, error.detail
    if ask.approve_within is not None and ask.approve_within <= timedelta(0):
        yield "/approve_within", "expected a duration longer than nothing"


def _parameters(ask: Ask, known: ActionType) -> Iterator[tuple[str, str]]:
    given = ask.action.parameters
    for name, parameter in known.parameters.items():
        if name not in given:
            if not parameter.optional:
                yield _pointer(name), f"{known.name} needs this parameter"
        elif fault := objection(parameter, given[name]):
            yield _pointer(name), fault
    if not known.additional:
        for name in given:
            if name not in known.parameters:
                yield (
                    _pointer(name),
                    f"{known.name} has no such parameter{suggestion(name, known.parameters)}",
                )


def _pointer(name: str) -> str:
    return f"{PARAMETERS}/{name.replace('~', '~0').replace('/', '~1')}"
