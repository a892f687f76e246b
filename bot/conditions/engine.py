"""The engine, and what it must not be trusted with.

cel-expr-python 0.1.3 returns evaluation errors as *truthy strings*, takes `has(params.x)` for `params.x`
where `params.x` is a variable of its own, and says nothing about threads.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from threading import Lock

from cel_expr_python import cel

from bot.conditions.text import Used, read_condition
from bot.core.policy import Condition, ConditionError, Together
from bot.core.terms import Json

WALKED_MAX = 2_000  # members, over all levels, that a condition with a walk may see; 0.1 s at worst
BITS = 62  # conditions in one program: the engine's whole numbers have 63 bits and a sign
FAULT = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
TYPES: Mapping[str, cel.Type] = {
    "string": cel.Type.STRING,
    "int": cel.Type.INT,
    "double": cel.Type.DOUBLE,
    "bool": cel.Type.BOOL,
    "timestamp": cel.Type.TIMESTAMP,
    "dyn": cel.Type.DYN,
    "map": cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
}
ENGINE_FAULTS = (RuntimeError, TypeError, ValueError, OverflowError, KeyError, AttributeError, RecursionError)
Source = tuple[str, tuple[tuple[str, str], ...]]  # the text as the engine gets it, and the variables' types


def compile_condition(text: str, variables: Mapping[str, str]) -> Condition:
    """Return the condition, checked against its variables' types; raises `ConditionError`. See `Compile`."""
    read, known = read_condition(text, variables), tuple(sorted(variables.items()))
    with _engine:
        expression = _compiled(read.source, known)
    return _Condition(expression, read.used, read.walks, (read.source, known))


_engine = Lock()  # the environment and its compiler are not known to be safe to share


@lru_cache(maxsize=256)
def _environment(variables: tuple[tuple[str, str], ...]) -> cel.Env:
    declared = {name: _type(kind) for name, kind in variables}
    return cel.NewEnv(variables=declared | {"_arams": TYPES["map"], "_esource": TYPES["map"]})


def _type(kind: str) -> cel.Type:
    if kind.startswith("list<"):
        return cel.Type.List(TYPES[kind[5:-1]])
    return TYPES[kind]


def _compiled(text: str, variables: tuple[tuple[str, str], ...]) -> cel.Expression:
    try:
        expression = _environment(variables).compile(text)
    except ENGINE_FAULTS as error:
        if found := FAULT.search(str(error)):
            raise ConditionError(found[3], int(found[1]), int(found[2])) from error
        raise ConditionError("this is not a condition") from error
    kind = expression.return_type()
    if kind not in (cel.Type.BOOL, cel.Type.DYN):
        raise ConditionError(f"a condition is true or false, and this is {str(kind).lower()}")
    return expression


class _Condition:
    """One compiled condition. Only one thread at a time is inside the engine with it."""

    __slots__ = ("_expression", "_lock", "source", "used", "walks")

    def __init__(self, expression: cel.Expression, used: Used, walks: bool, source: Source) -> None:
        self._expression = expression
        self.used = used
        self.walks = walks
        self.source = source
        self._lock = Lock()

    def among(self, conditions: Sequence[Condition | None]) -> Together | None:
        """Return one program for all of them; None where they do not fit into one. See `Together`."""
        known = [one for one in conditions if isinstance(one, _Condition)]
        variables = self.source[1]
        if any(one.source[1] != variables for one in known):
            return None
        parts = [
            [
                f"(({one.source[0]}\n)?{1 << bit}:0)"  # a comment may end a condition, hence the line's end
                for bit, one in enumerate(conditions[first : first + BITS])
                if isinstance(one, _Condition)
            ]
            for first in range(0, len(conditions), BITS)
        ]
        try:
            with _engine:
                programs = [_environment(variables).compile(_sum(some)) if some else None for some in parts]
        except ENGINE_FAULTS:
            return None  # nested too deeply for one text
        used = tuple(dict.fromkeys(pair for one in known for pair in one.used))
        return _Together(programs, used, any(one.walks for one in known))

    def __call__(self, values: Mapping[str, Json]) -> bool:
        given = {ours: values[theirs] for ours, theirs in self.used if theirs in values}
        if self.walks and _size(given) > WALKED_MAX:
            raise ConditionError("what this condition walks over is too large")
        try:
            with self._lock:
                value = self._expression.eval(data=given)
                result = value.value() if value.type() == cel.Type.BOOL else None
        except ENGINE_FAULTS as error:
            raise ConditionError("the condition could not be evaluated") from error
        if result is True:
            return True
        if result is False:
            return False
        raise ConditionError("the condition has no boolean value")


class _Together:
    """Several conditions as sums of powers of two, so that one call of the engine answers all of them."""

    __slots__ = ("_lock", "_programs", "_used", "_walks")

    def __init__(self, programs: Sequence[cel.Expression | None], used: Used, walks: bool) -> None:
        self._programs = programs
        self._used = used
        self._walks = walks
        self._lock = Lock()

    def __call__(self, values: Mapping[str, Json]) -> int:
        given = {ours: values[theirs] for ours, theirs in self._used if theirs in values}
        if self._walks and _size(given) > WALKED_MAX:
            raise ConditionError("what one of these conditions walks over is too large")
        held = 0
        try:
            with self._lock:
                for place, program in enumerate(self._programs):
                    if program is not None:
                        held |= _whole(program.eval(data=given)) << place * BITS
        except ENGINE_FAULTS as error:
            raise ConditionError("one of these conditions could not be evaluated") from error
        return held


def _whole(value: cel.Value) -> int:
    if value.type() != cel.Type.INT:
        raise ConditionError("one of these conditions has no boolean value")
    return int(value.value())


def _sum(terms: Sequence[str]) -> str:
    """Write a sum of terms as a tree: the engine takes no deep nesting."""
    if len(terms) == 1:
        return terms[0]
    half = len(terms) // 2
    return f"({_sum(terms[:half])}+{_sum(terms[half:])})"


def _size(value: Json) -> int:
    if isinstance(value, Mapping):
        return len(value) + sum(map(_size, value.values()))
    if isinstance(value, list):
        return len(value) + sum(map(_size, value))
    return 0
