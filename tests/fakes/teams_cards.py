"""What Teams takes as a card: Microsoft's own schema of version 1.5, and what clients need besides."""

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft7Validator

Json = dict[str, Any]
MESSAGE_MAX = (
    28 * 1024
)  # bytes; https://learn.microsoft.com/microsoftteams/platform/bots/how-to/format-your-bot-messages
ACTIONS_MAX = 6  # those that are shown; others are in the overflow menu


class BadCard(Exception):
    """Teams would refuse this card, or show it wrongly."""


def check_card(content: Json) -> None:
    """Refuse what Teams refuses; raises `BadCard`."""
    if content.get("type") != "AdaptiveCard" or content.get("version") != "1.5":
        raise BadCard("no Adaptive Card of version 1.5")
    _valid({name: value for name, value in content.items() if name != "msteams"})
    if set(content.get("msteams", {})) - {"width", "entities"}:
        raise BadCard("unknown members of msteams")
    ids = [node["id"] for node in nodes(content) if str(node.get("type", "")).startswith("Input.")]
    if len(ids) != len(set(ids)):
        raise BadCard(f"two inputs share an id: {ids}")
    for node in nodes(content):
        _check_node(node)


def nodes(node: Any) -> Iterator[Json]:
    """Return every object in a card."""
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from nodes(value)
    elif isinstance(node, list):
        for value in node:
            yield from nodes(value)


def texts(content: Json) -> list[str]:
    """Return what a person reads, each TextRun and title."""
    found = []
    for node in nodes(content):
        if node.get("type") in ("TextRun", "TextBlock"):
            found.append(node["text"])
        found += [node[name] for name in ("title", "label", "placeholder") if isinstance(node.get(name), str)]
    return found


def paragraphs(content: Json) -> list[str]:
    """Return each RichTextBlock as one text."""
    return [
        "".join(run["text"] for run in node["inlines"])
        for node in nodes(content)
        if node.get("type") == "RichTextBlock"
    ]


def actions(content: Json) -> list[Json]:
    """Return a card's buttons, in order; those inside of its forms are not among them."""
    found: list[Json] = list(content.get("actions", []))
    stack: list[Any] = list(content.get("body", []))
    while stack:
        node = stack.pop(0)
        if isinstance(node, dict):
            found += node.get("actions", []) if node.get("type") == "ActionSet" else []
            stack += [*node.get("items", []), *node.get("columns", [])]
    return found


def _check_node(node: Json) -> None:
    kind = node.get("type")
    if kind == "Action.Execute" and not node.get("verb"):
        raise BadCard("an Action.Execute without a verb is lost")
    if kind == "Action.OpenUrl" and not str(node.get("url", "")).startswith(("http://", "https://")):
        raise BadCard(f"no address: {node.get('url')!r}")
    if kind == "RichTextBlock" and not node["inlines"]:
        raise BadCard("an empty RichTextBlock")
    shown = [one for one in node.get("actions", []) if one.get("mode") != "secondary"]
    if len(shown) > ACTIONS_MAX:
        raise BadCard(f"{len(shown)} buttons: Teams shows {ACTIONS_MAX}")
    if kind == "Input.Text" and node.get("isRequired") and not node.get("errorMessage"):
        raise BadCard("a required input without its error message")


def _valid(content: Json) -> None:
    found = sorted(_schema().iter_errors(content), key=lambda error: len(error.path))
    if found:
        deepest = max(_leaves(found[0]), key=lambda error: len(error.absolute_path))
        raise BadCard(f"{deepest.json_path}: {deepest.message[:300]}")


def _leaves(error: Any) -> Iterator[Any]:
    if not error.context:
        yield error
    for inner in error.context or ():
        yield from _leaves(inner)


@cache
def _schema() -> Draft7Validator:
    text = (files("adaptive_cards") / "schemas" / "schema-1.5.json").read_text("utf-8")
    return Draft7Validator(json.loads(text))
