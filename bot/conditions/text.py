"""What a condition may say: its names are known, its cost is bounded, and `has()` asks the whole map."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from bot.core.policy import ConditionError

LENGTH_MAX = 1000  # characters
WALKS_MAX = 4  # comprehensions (`all`, `exists`, `map` …) in one condition, none inside another
WALKS = ("all", "exists", "exists_one", "map", "filter")
TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*)
      | (?P<text>[rRbB]{0,2}(?:\"\"\"(?:[^\\]|\\.)*?\"\"\"|'''(?:[^\\]|\\.)*?'''
            |"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'))
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)
Used = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Token:
    """One word or sign of a condition, and where it begins."""

    kind: str
    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Checked:
    """A condition as the engine gets it.

    `used` are the variables it names, each as the engine and as the caller calls it; `walks` says whether it
    goes through a list.
    """

    source: str
    used: Used
    walks: bool


def read_condition(text: str, variables: Mapping[str, str]) -> Checked:
    """Return the condition in the engine's words; raises `ConditionError` for what it may not say."""
    if len(text) > LENGTH_MAX:
        raise ConditionError(f"a condition has at most {LENGTH_MAX} characters")
    tokens = [token for token in _tokens(text) if token.kind != "space"]
    _check_names(text, tokens, variables)
    walks = _check_walks(text, tokens)
    return Checked(_aliased(text, tokens), _used(tokens, variables), walks)


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
