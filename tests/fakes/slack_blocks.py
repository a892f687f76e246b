"""Refuses the Block Kit that Slack refuses: unknown kinds and keys, lengths, counts, empty or doubled things.

`slack_blocks.schema.json` is what Slack's own types say (npm @slack/types 3.2.0, MIT, made into a schema by
ts-json-schema-generator); the rest is written from the reference pages, not from our own `limits`; where
they are vague, stricter than Slack.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator
from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block as SdkBlock

Json = dict[str, Any]
COMMON = {"type", "block_id"}
KEYS = {
    "header": {"text"},
    "section": {"text", "fields", "accessory", "expand"},
    "divider": set(),
    "context": {"elements"},
    "actions": {"elements"},
    "rich_text": {"elements"},
    "input": {"label", "element", "optional", "hint", "dispatch_action"},
}
RICH = {"rich_text_section", "rich_text_preformatted", "rich_text_list", "rich_text_quote"}
LEAVES = {
    "text": {"text", "style"},
    "date": {"timestamp", "format", "fallback", "url"},
    "link": {"url", "text", "style", "unsafe"},
    "emoji": {"name"},
    "user": {"user_id", "style"},
}
TYPES = Draft7Validator(json.loads(Path(__file__).with_name("slack_blocks.schema.json").read_text()))
VIEW_MAX = 250_000  # bytes
MESSAGE_TEXT_MAX = 11_000  # all texts together; the lowest figure at which Slack was seen to refuse


class Refused(Exception):
    """Slack would answer with this error code."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(f"{code}: {why}")
        self.code = code
        self.why = why


def check_message(blocks: Any) -> None:
    """Check the blocks of a message."""
    _blocks(blocks, 50, "invalid_blocks", modal=False)
    if sum(map(len, texts(blocks))) > MESSAGE_TEXT_MAX:
        raise Refused("msg_blocks_too_long", "the texts together")


def check_types(blocks: Any) -> None:
    """Hold blocks against Slack's own types; slow, so once for each that is sent."""
    for error in TYPES.iter_errors(blocks):
        raise Refused("invalid_blocks", f"{error.json_path}: {error.message[:300]}")


def check_view(view: Any) -> None:
    """Check a modal, or a home tab."""
    code = "invalid_arguments"
    _require(len(json.dumps(view)) <= VIEW_MAX, "view_too_large", "a view has 250 kB at most")
    if isinstance(view, dict) and view.get("type") == "home":
        _known(view, {"type", "blocks", "callback_id", "private_metadata"}, code, "view")
        _blocks(view.get("blocks"), 100, code, modal=True)
        return
    parts = {"type", "title", "submit", "close", "blocks", "callback_id", "private_metadata"}
    _known(view, parts | {"notify_on_close"}, code, "view")
    _require(isinstance(view.get("notify_on_close", False), bool), code, "notify_on_close")
    _require(view.get("type") == "modal", code, "view/type")
    for part in ("title", "submit", "close"):
        if part in view:
            _text(view[part], 24, code, part, plain=True)
    _require("title" in view, code, "view/title is missing")
    _require(len(view.get("private_metadata", "")) <= 3000, code, "private_metadata is longer than 3000")
    _require(len(view.get("callback_id", "")) <= 255, code, "callback_id is longer than 255")
    _blocks(view.get("blocks"), 100, code, modal=True)
    takes = any(block["type"] == "input" for block in view["blocks"])
    _require("submit" in view or not takes, code, "submit is missing, and there is an input")


def texts(node: Any) -> Iterator[str]:
    """Yield every text in blocks, in reading order."""
    if isinstance(node, dict):
        if node.get("type") == "date":
            yield node["fallback"]
        elif isinstance(node.get("text"), str):
            yield node["text"]
        for key, value in node.items():
            if key != "confirm":
                yield from texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from texts(value)


def _blocks(blocks: Any, limit: int, code: str, modal: bool) -> None:
    _require(isinstance(blocks, list) and 0 < len(blocks) <= limit, code, f"1 to {limit} blocks")
    seen: set[str] = set()
    actions: set[str] = set()
    for index, block in enumerate(blocks):
        where = f"/blocks/{index}"
        _require(isinstance(block, dict), code, where)
        kind = block.get("type")
        _require(kind in KEYS, code, f"{where}/type {kind}")
        _require(kind != "input" or modal, code, f"{where}: input outside a modal")
        _known(block, COMMON | KEYS[kind], code, where)
        if "block_id" in block:
            _require(0 < len(block["block_id"]) <= 255, code, f"{where}/block_id")
            _require(block["block_id"] not in seen, code, f"{where}/block_id is doubled")
            seen.add(block["block_id"])
        CHECKS[kind](block, code, where)
        for action in _actions(block):
            _require(action not in actions, code, f"{where}: action_id {action} is doubled")
            actions.add(action)
        _by_the_sdk(block, code, where)


def _actions(block: Json) -> Iterator[str]:
    holders = [*block.get("elements", ()), block.get("accessory"), block.get("element")]
    if block["type"] == "section":
        holders = []  # the same action may stand beside several sections
    yield from (held["action_id"] for held in holders if isinstance(held, dict) and "action_id" in held)


def _by_the_sdk(block: Json, code: str, where: str) -> None:
    parsed = SdkBlock.parse(block)
    _require(parsed is not None, code, f"{where}: the SDK knows no such block")
    assert parsed is not None
    try:
        parsed.validate_json()
    except SlackObjectFormationError as error:
        raise Refused(code, f"{where}: {error}") from error


def _header(block: Json, code: str, where: str) -> None:
    _text(block.get("text"), 150, code, where, plain=True)


def _section(block: Json, code: str, where: str) -> None:
    _require("text" in block or "fields" in block, code, f"{where}: text or fields")
    if "text" in block:
        _text(block["text"], 3000, code, where)
    fields = block.get("fields", [])
    _require(len(fields) <= 10, code, f"{where}/fields")
    for field in fields:
        _text(field, 2000, code, f"{where}/fields")
    if "accessory" in block:
        _element(block["accessory"], code, f"{where}/accessory")


def _context(block: Json, code: str, where: str) -> None:
    _require(0 < len(block.get("elements", ())) <= 10, code, f"{where}/elements")
    for element in block["elements"]:
        _text(element, 3000, code, where)


def _actions_block(block: Json, code: str, where: str) -> None:
    _require(0 < len(block.get("elements", ())) <= 25, code, f"{where}/elements")
    for element in block["elements"]:
        _element(element, code, where)


def _element(element: Json, code: str, where: str) -> None:
    if element.get("type") == "overflow":
        _overflow(element, code, where)
    else:
        _button(element, code, where)


def _overflow(menu: Json, code: str, where: str) -> None:
    _known(menu, {"type", "action_id", "options", "confirm"}, code, where)
    _require(0 < len(menu.get("action_id", "x")) <= 255, code, f"{where}/action_id")
    options = menu.get("options", [])
    _require(1 < len(options) <= 5, code, f"{where}/options: 2 to 5")
    for option in options:
        _known(option, {"text", "value", "description", "url"}, code, f"{where}/options")
        _text(option.get("text"), 75, code, f"{where}/options", plain=True)
        _require(0 < len(option.get("value", "")) <= 150, code, f"{where}/options/value")
    values = [option["value"] for option in options]
    _require(len(values) == len(set(values)), code, f"{where}/options: a doubled value")


def _button(button: Json, code: str, where: str) -> None:
    _known(button, {"type", "text", "action_id", "url", "value", "style", "confirm"}, code, where)
    _require(button.get("type") == "button", code, f"{where}: only buttons are known here")
    _text(button.get("text"), 75, code, where, plain=True)
    _require(0 < len(button.get("action_id", "x")) <= 255, code, f"{where}/action_id")
    _require(len(button.get("value", "x")) in range(1, 2001), code, f"{where}/value")
    _require(len(button.get("url", "")) <= 3000, code, f"{where}/url")
    _require(button.get("url", "http://").startswith(("http://", "https://")), code, f"{where}/url")
    _require(button.get("style", "primary") in ("primary", "danger"), code, f"{where}/style")
    if "confirm" in button:
        confirm = button["confirm"]
        _known(confirm, {"title", "text", "confirm", "deny", "style"}, code, f"{where}/confirm")
        for part, limit in (("title", 100), ("text", 300), ("confirm", 30), ("deny", 30)):
            _text(confirm.get(part), limit, code, f"{where}/confirm/{part}", plain=True)


def _rich_text(block: Json, code: str, where: str) -> None:
    _require(bool(block.get("elements")), code, f"{where}/elements")
    for element in block["elements"]:
        _require(element.get("type") in RICH, code, f"{where}: {element.get('type')}")
        _known(element, {"type", "elements", "style", "indent", "border", "offset"}, code, where)
        _require(bool(element.get("elements")), code, f"{where}: an empty {element['type']}")
        for leaf in element["elements"]:
            _leaf(leaf, element["type"], code, where)


def _leaf(leaf: Json, parent: str, code: str, where: str) -> None:
    kind = leaf.get("type")
    _require(kind in LEAVES, code, f"{where}: {kind}")
    assert isinstance(kind, str)
    _known(leaf, {"type"} | LEAVES[kind], code, where)
    if parent == "rich_text_preformatted":
        _require(kind in ("text", "link") and "style" not in leaf, code, f"{where}: styled in preformatted")
    if kind == "text":
        _require(isinstance(leaf.get("text"), str) and leaf["text"] != "", code, f"{where}: an empty text")
    if kind == "date":
        _require(
            isinstance(leaf.get("timestamp"), int) and "{" in leaf.get("format", ""), code, f"{where}: date"
        )
    _require(set(leaf.get("style", {})) <= {"bold", "italic", "strike", "code"}, code, f"{where}: style")


def _input(block: Json, code: str, where: str) -> None:
    _text(block.get("label"), 2000, code, f"{where}/label", plain=True)
    if "hint" in block:
        _text(block["hint"], 2000, code, f"{where}/hint", plain=True)
    element = block.get("element", {})
    _require(0 < len(element.get("action_id", "x")) <= 255, code, f"{where}/action_id")
    if "placeholder" in element:
        _text(element["placeholder"], 150, code, f"{where}/placeholder", plain=True)
    if (picked := PICKERS.get(element.get("type"))) is not None:
        picked(element, code, where)
        return
    keys = {"type", "action_id", "multiline", "max_length", "min_length", "initial_value", "placeholder"}
    _known(element, keys, code, where)
    _require(element.get("type") == "plain_text_input", code, f"{where}/element")
    _require(0 < element.get("max_length", 1) <= 3000, code, f"{where}/max_length")


def _person(element: Json, code: str, where: str) -> None:
    _known(element, {"type", "action_id", "initial_user", "placeholder"}, code, where)


def _instant(element: Json, code: str, where: str) -> None:
    _known(element, {"type", "action_id", "initial_date_time"}, code, where)
    seconds = element.get("initial_date_time", 10**9)
    _require(isinstance(seconds, int) and len(str(seconds)) == 10, code, f"{where}/initial_date_time")


def _hour(element: Json, code: str, where: str) -> None:
    _known(element, {"type", "action_id", "initial_time", "placeholder", "timezone"}, code, where)
    at = re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", element.get("initial_time", "00:00"))
    _require(at is not None, code, f"{where}/initial_time")


def _choice(element: Json, code: str, where: str) -> None:
    keys = {"type", "action_id", "options", "option_groups", "initial_option", "placeholder"}
    _known(element, keys, code, where)
    _require(("options" in element) != ("option_groups" in element), code, f"{where}: options or groups")
    groups = element.get("option_groups", [])
    _require("options" in element or 0 < len(groups) <= 100, code, f"{where}: 1 to 100 groups")
    for group in groups:
        _known(group, {"label", "options"}, code, f"{where}/option_groups")
        _text(group.get("label"), 75, code, f"{where}/option_groups/label", plain=True)
    for options in [group["options"] for group in groups] or [element.get("options", [])]:
        _require(0 < len(options) <= 100, code, f"{where}/options: 1 to 100")
        for option in options:
            _known(option, {"text", "value", "description"}, code, f"{where}/options")
            _text(option.get("text"), 75, code, f"{where}/options", plain=True)
            _require(0 < len(option.get("value", "")) <= 150, code, f"{where}/options/value")
    offered = offers(element)
    values = [option["value"] for option in offered]
    _require(len(values) == len(set(values)), code, f"{where}/options: a doubled value")
    _require(element.get("initial_option", offered[0]) in offered, code, f"{where}/initial_option")


def offers(element: Json) -> list[Json]:
    """Return every option of a menu, in all of its groups."""
    groups = element.get("option_groups") or [element]
    return [option for group in groups for option in group["options"]]


def _text(text: Any, limit: int, code: str, where: str, *, plain: bool = False) -> None:
    _require(isinstance(text, dict), code, f"{where}: a text object")
    _known(text, {"type", "text", "emoji" if text.get("type") == "plain_text" else "verbatim"}, code, where)
    _require(text.get("type") in (("plain_text",) if plain else ("plain_text", "mrkdwn")), code, where)
    length = len(text.get("text", ""))
    _require(0 < length <= limit, code, f"{where}: {length} characters, {limit} at most")


def _known(node: Any, keys: set[str], code: str, where: str) -> None:
    _require(isinstance(node, dict), code, where)
    _require(set(node) <= keys, code, f"{where}: unknown {sorted(set(node) - keys)}")


def _require(holds: bool, code: str, why: str) -> None:
    if not holds:
        raise Refused(code, why)


PICKERS: dict[Any, Callable[[Json, str, str], None]] = {
    "users_select": _person,
    "datetimepicker": _instant,
    "timepicker": _hour,
    "static_select": _choice,
}
CHECKS: dict[str, Callable[[Json, str, str], None]] = {
    "header": _header,
    "section": _section,
    "divider": lambda *_: None,
    "context": _context,
    "actions": _actions_block,
    "rich_text": _rich_text,
    "input": _input,
}
