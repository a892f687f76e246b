"""Values become Facts: made visible, nothing dropped, nothing cut in silence."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256

import orjson

from bot.core.card.face import Fact, QuestionLine
from bot.core.literal import visible
from bot.core.terms import Display, Json, Parameter, Question, Request

LINE = 80  # characters of a list or an object that still reads well on one line
LONG = (
    10_000  # characters; beyond it Python's own indenting would hold everybody up, a third of a second each
)
GAP_ROOM = 64  # characters kept free, within the limit, for the sentence in the gap
# Blanks that push what follows out of sight: no program text needs so many side by side.
BLANKS = re.compile(r"(?<=\n)(?:[ \t]*\n){12,}|[ \t]{80,}")
UNINSPECTABLE = "is not in the catalog, so nobody has said what it does"


def parameters(request: Request, limit: int) -> tuple[Fact, ...]:
    """Return the action's parameters in catalog order; those that it does not know come last, flagged."""
    values = request.action.parameters
    known = {parameter.name: parameter for parameter in request.plan.parameters}
    strange = [Parameter(name, Display.UNINSPECTABLE) for name in values if name not in known]
    shown = [parameter for parameter in known.values() if parameter.name in values]
    return tuple(_parameter(parameter, values[parameter.name], limit) for parameter in shown + strange)


def context(request: Request, limit: int) -> tuple[Fact, ...]:
    """Return what came along with the action and is bound by its digest."""
    return tuple(fact(name, value, Display.TEXT, limit) for name, value in (request.context or {}).items())


def claims(request: Request, limit: int) -> tuple[Fact, ...]:
    """Return the agent's own words, which prove nothing."""
    words = {"justification": request.justification, "summary": request.summary}
    return tuple(fact(name, said, Display.TEXT, limit) for name, said in words.items() if said)


def question(asked: Question, limit: int) -> QuestionLine:
    """Return a question and its answer, which is the agent's claim."""
    name = f"answer to question {asked.number}"
    answer = None if asked.answer is None else fact(name, asked.answer, Display.TEXT, limit)
    text, person = line(asked.text, 2000), line(asked.person)
    return QuestionLine(asked.number, person, text, asked.at, answer, asked.answered_at)


def fact(name: str, value: Json, display: Display, limit: int) -> Fact:
    """Return a value as people see it; `limit` in characters, 0 for all of it."""
    raw = _written(value)
    whole = raw.encode(errors="surrogatepass")
    text, found = visible(raw)
    cut = bool(limit) and len(text) > limit
    if cut:
        text = _head_and_tail(text, limit)
    text, blanks = _folded(text)
    title, strange = visible(name)
    warnings = (*found, *blanks, *(f"its name {warning}" for warning in strange))
    return Fact(title, text, display.value, len(whole), sha256(whole).hexdigest(), cut, warnings)


def line(text: str, limit: int = 200) -> str:
    """Return free text as one visible line of at most `limit` characters."""
    flat = visible(" ".join(text.split()))[0]
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"


def _parameter(parameter: Parameter, value: Json, limit: int) -> Fact:
    name = parameter.title or parameter.name
    match parameter.display:
        case Display.REDACTED:
            commitment = parameter.commitment or ""
            text = f"redacted · commitment {commitment[:8]}" if commitment else "redacted"
            return Fact(visible(name)[0], text, Display.REDACTED.value, 0, commitment)
        case Display.UNINSPECTABLE:
            shown = fact(name, value, Display.UNINSPECTABLE, limit)
            return replace(shown, warnings=(UNINSPECTABLE, *shown.warnings))
        case display:
            return fact(name, value, display, limit)


def _written(value: Json) -> str:
    """Write a value so that no two different values read the same."""
    if isinstance(value, str) and not _reads_as_json(value):
        return value
    on_one_line = json.dumps(value, ensure_ascii=False)
    if len(on_one_line) <= LINE:
        return on_one_line
    if len(on_one_line) > LONG:
        with suppress(TypeError):  # a whole number too large for it
            return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    return json.dumps(value, ensure_ascii=False, indent=2)


def _reads_as_json(text: str) -> bool:
    if not text.strip():
        return True
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _head_and_tail(text: str, limit: int) -> str:
    """Keep two thirds of the room for the start, one third for the end, and say what is between."""
    room = max(limit - GAP_ROOM, 2)
    tail = room // 3
    head = room - tail
    return f"{text[:head]}\n⟨ … {len(text) - room:,} characters are not shown here … ⟩\n{text[-tail:]}"


def _folded(text: str) -> tuple[str, tuple[str, ...]]:
    """Replace long runs of blanks by their count, so that nothing hides behind them."""
    told = tuple(_told(run) for run in BLANKS.finditer(text))
    folded = BLANKS.sub(lambda run: f"⟨{_told(run)}⟩" + "\n" * ("\n" in run.group()), text)
    return folded, tuple(f"contains {what} in a row; read what follows them" for what in told)


def _told(run: re.Match[str]) -> str:
    lines = run.group().count("\n")
    return f"{lines:,} blank lines" if lines else f"{len(run.group()):,} spaces"


def oddities(*groups: tuple[Fact, ...]) -> tuple[str, ...]:
    """Return every fact's warnings, each with the name of what it is about."""
    return tuple(f"{fact.name}: {warning}" for facts in groups for fact in facts for warning in fact.warnings)
