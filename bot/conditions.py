"""CEL behind one small door: whatever is not a boolean is a `ConditionError`, never a value.

The engine (cel-expr-python 0.1.3) returns evaluation errors as *truthy strings*, takes `has(params.x)` for
`params.x` where `params.x` is a variable of its own, and says nothing about threads: hence this module.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from threading import Lock

from cel_expr_python import cel

from bot.core.policy import Condition, ConditionError, Together
from bot.core.terms import Json

LENGTH_MAX = 1000  # characters
WALKS_MAX = 4  # comprehensions (`all`, `exists`, `map` …) in one condition, none inside another
WALKED_MAX = 2_000  # members, over all levels, that a condition with a walk may see; 0.1 s at worst
BITS = 62  # conditions in one program: the engine's whole numbers have 63 bits and a sign
WALKS = ("all", "exists", "exists_one", "map", "filter")
TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*)
      | (?P<text>[rRbB]{0,2}(?:\"\"\"(?:[^\\]|\\.)*?\"\"\"|'''(?:[^\\]|\\.)*?'''
            |"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'))
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)
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
Used = tuple[tuple[str, str], ...]
Source = tuple[str, tuple[tuple[str, str], ...]]  # the text as the engine gets it, and the variables' types


@dataclass(frozen=True, slots=True)
class Token:
    """One word or sign of a condition, and where it begins."""

    kind: str
    text: str
    at: int


def compile_condition(text: str, variables: Mapping[str, str]) -> Condition:
    """Return the condition, checked against its variables' types; raises `ConditionError`. See `Compile`."""
    if len(text) > LENGTH_MAX:
        raise ConditionError(f"a condition has at most {LENGTH_MAX} characters")
    tokens = [token for token in _tokens(text) if token.kind != "space"]
    _check_names(text, tokens, variables)
    walks = _check_walks(text, tokens)
    aliased, known = _aliased(text, tokens), tuple(sorted(variables.items()))
    with _engine:
        expression = _compiled(aliased, known)
    return _Condition(expression, _used(tokens, variables), walks, (aliased, known))


def _tokens(text: str) -> Iterator[Token]:
    for found in TOKEN.finditer(text):
        yield Token(found.lastgroup or "sign", found[0], found.start())


def _error(text: str, at: int, message: str) -> ConditionError:
    before = text[:at]
    return ConditionError(message, before.count("\n") + 1, at - (before.rfind("\n") + 1) + 1)


def _members(tokens: list[Token]) -> Iterator[tuple[int, str]]:
    """Yield the index of each `params` or `resource` that stands free, and the member after it, if any."""
    for index, token in enumerate(tokens):
        after = [other.text for other in tokens[index + 1 : index + 3]]
        free = token.kind == "name" and not (index and tokens[index - 1].text == ".")
        if free and token.text in ("params", "resource"):
            yield index, after[1] if len(after) == 2 and after[0] == "." else ""


def _check_names(text: str, tokens: list[Token], variables: Mapping[str, str]) -> None:
    """Refuse members that are not declared, and a `has()` of anything but plain members."""
    for index, token in enumerate(tokens):
        if token.text == "has" and [t.text for t in tokens[index + 1 : index + 2]] == ["("]:
            inner = "".join(t.text for t in tokens[index + 2 : index + 5])
            if not re.match(r"[A-Za-z_]\w*\.[A-Za-z_]\w*", inner):
                raise _error(text, token.at, "has() takes a plain member, such as has(params.rows)")
    for index, member in _members(tokens):
        owner = tokens[index].text
        if owner in variables or f"{owner}.{member}" in variables:
            continue
        known = [name.partition(".")[2] for name in variables if name.startswith(f"{owner}.")]
        near = get_close_matches(member, known, n=1)
        hint = f"; did you mean {owner}.{near[0]}?" if near else f"; there is {', '.join(known) or 'none'}"
        raise _error(text, tokens[index].at, f"there is no {owner}.{member or '…'}{hint}")


def _check_walks(text: str, tokens: list[Token]) -> bool:
    """Refuse comprehensions inside one another: their cost multiplies. Say whether there is one at all."""
    depth, walks, inside = 0, 0, list[int]()
    for index, token in enumerate(tokens):
        called = [t.text for t in tokens[index - 1 : index + 2]] if index else []
        if token.kind == "name" and token.text in WALKS and called[:1] == ["."] and called[2:] == ["("]:
            walks += 1
            if inside:
                raise _error(text, token.at, f"{token.text}() inside another walk over a list costs too much")
            if walks > WALKS_MAX:
                raise _error(text, token.at, f"a condition walks over at most {WALKS_MAX} lists")
            inside.append(depth)
        elif token.text in ("(", "[", "{"):
            depth += 1
        elif token.text in (")", "]", "}"):
            depth -= 1
            if inside and inside[-1] >= depth:
                inside.pop()
    return walks > 0


def _asked(tokens: list[Token]) -> Iterator[int]:
    """Yield the index of each `params` or `resource` whose member a `has()` asks for."""
    for index, _ in _members(tokens):
        if index >= 2 and tokens[index - 1].text == "(" and tokens[index - 2].text == "has":
            yield index


def _aliased(text: str, tokens: list[Token]) -> str:
    """Let `has(params.x)` ask the whole map, as `_arams`: the engine would take the value of `params.x`.

    The alias is as long as the name, so that columns stay right.
    """
    letters = list(text)
    for index in _asked(tokens):
        letters[tokens[index].at] = "_"
    return "".join(letters)


def _used(tokens: list[Token], variables: Mapping[str, str]) -> Used:
    """Return the variables the condition names, each as the engine and as the caller calls it."""
    used = {token.text: token.text for token in tokens if token.kind == "name" and token.text in variables}
    for index, member in _members(tokens):
        name = f"{tokens[index].text}.{member}"
        if name in variables:
            used[name] = name
    for index in _asked(tokens):
        used["_" + tokens[index].text[1:]] = tokens[index].text
    return tuple(used.items())


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
