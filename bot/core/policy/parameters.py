"""What a catalogued parameter takes: the check of one value, and its type in conditions."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bot.core.policy.model import ActionType, Kind, ParameterType
from bot.core.policy.shapes import IDENTIFIER
from bot.core.terms import Json

LIST_MAX = 1000  # members, where the catalog says nothing: conditions may walk them
IN_CONDITIONS = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
TEXTS = (Kind.STRING, Kind.TEXT, Kind.IDENTIFIER)
BASE: Mapping[str, str] = {
    "resource.type": "string",
    "resource.id": "string",
    "context": "map",
    "agent": "string",
    "on_behalf_of": "string",
    "now": "timestamp",
}


def objection(parameter: ParameterType, value: Json) -> str | None:
    """Return what is wrong with a value, or None; the value itself is never repeated: it may be a secret."""
    match parameter.kind:
        case Kind.STRING | Kind.TEXT | Kind.IDENTIFIER:
            return _text(parameter, value)
        case Kind.ENUM:
            fits = any(same(value, allowed) for allowed in parameter.values)
            return None if fits else f"expected one of {', '.join(str(v) for v in parameter.values)}"
        case Kind.INT | Kind.NUMBER:
            return _number(parameter, value)
        case Kind.BOOL:
            return None if isinstance(value, bool) else "expected true or false"
        case Kind.OBJECT:
            return None if isinstance(value, dict) else "expected an object"
        case Kind.LIST:
            return _list(parameter, value)


def _text(parameter: ParameterType, value: Json) -> str | None:
    if not isinstance(value, str):
        return "expected text"
    if parameter.kind is Kind.IDENTIFIER and not IDENTIFIER.fullmatch(value):
        return "expected an identifier: letters, digits and . _ - / : @"
    if parameter.max is not None and len(value) > parameter.max:
        return f"expected at most {parameter.max:g} characters"
    return None


def _number(parameter: ParameterType, value: Json) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int if parameter.kind is Kind.INT else (int, float)):
        return "expected a whole number" if parameter.kind is Kind.INT else "expected a number"
    if parameter.min is not None and value < parameter.min:
        return f"expected at least {parameter.min:g}"
    if parameter.max is not None and value > parameter.max:
        return f"expected at most {parameter.max:g}"
    return None


def _list(parameter: ParameterType, value: Json) -> str | None:
    if not isinstance(value, list):
        return "expected a list"
    most = LIST_MAX if parameter.max is None else parameter.max
    if len(value) > most:
        return f"expected at most {most:g} members"
    member = ParameterType(parameter.name, parameter.of or Kind.STRING)
    return next(
        (f"member {i}: {fault}" for i, one in enumerate(value) if (fault := objection(member, one))), None
    )


def same(left: Json, right: Json) -> bool:
    """Say whether two JSON scalars are the same; unlike Python's, true is not 1."""
    return isinstance(left, bool) is isinstance(right, bool) and bool(left == right)


def variables(action: ActionType) -> dict[str, str]:
    """Return the variables that a condition on this action may use, and their types."""
    known = dict(BASE)
    for name, parameter in action.parameters.items():
        if IN_CONDITIONS.fullmatch(name):
            known[f"params.{name}"] = _type(parameter)
    if action.additional:
        known["params"] = "map"
    return known


def _type(parameter: ParameterType) -> str:
    match parameter.kind:
        case Kind.ENUM:
            return "string" if all(isinstance(value, str) for value in parameter.values) else "dyn"
        case Kind.LIST:
            return f"list<{_scalar(parameter.of or Kind.STRING)}>"
        case _:
            return _scalar(parameter.kind)


def _scalar(kind: Kind) -> str:
    names = {Kind.INT: "int", Kind.NUMBER: "double", Kind.BOOL: "bool", Kind.OBJECT: "map"}
    return "string" if kind in TEXTS else names[kind]
