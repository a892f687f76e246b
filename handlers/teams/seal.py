"""Buttons carry a proof that we wrote them: any app may post a card that looks like ours, with other data.

What a person types into a button's form is no part of it; the tag says what the button does, to what, and in
which conversation. Which message it stands in is not known before it is posted: `Desk.stands` asks the store.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any

from bot.core.terms import Json
from handlers.render import Renderer

# No canonical JSON begins like this, so no redacted parameter's commitment is a tag.
PREFIX = b"teams-button|"
TAG = "tag"  # where it stands in a button's data
SAID = ("request", "digest", "command", "leader")  # all that a button's data says besides


@dataclass(frozen=True, slots=True)
class Seal:
    """Tags what buttons say, under a key of the server's: the same on each replica and after a restart.

    `commit` is `Signer.commitment`.
    """

    commit: Callable[[bytes], str]

    def tag(self, verb: str, data: Mapping[str, Json], conversation: str) -> str:
        """Return the tag of a button with that verb and data in a conversation, lowercase hex."""
        said = [conversation, verb, *(data.get(name) for name in SAID)]
        return self.commit(PREFIX + json.dumps(said, separators=(",", ":")).encode())

    def holds(self, verb: str, data: Mapping[str, Json], conversation: str) -> bool:
        """Say whether we wrote a button with that verb and data for a conversation."""
        tag = data.get(TAG)
        if not isinstance(tag, str):
            return False
        return hmac.compare_digest(tag.encode(errors="replace"), self.tag(verb, data, conversation).encode())


class Sealing(Renderer):
    """Renders as another renderer does, each button with its tag, which holds `within` one conversation."""

    def __init__(self, renderer: Renderer, seal: Seal) -> None:
        super().__init__(renderer.folder)
        self._seal = seal
        self._conversation = ""  # where nobody can press

    def within(self, conversation: str) -> Sealing:
        """Return the same for what is posted to a conversation."""
        made = copy(self)
        made._conversation = conversation  # noqa: SLF001  # a copy of our own
        return made

    def json(self, name: str, **values: object) -> Any:
        """Return what a JSON template says, its buttons sealed."""
        content = super().json(name, **values)
        for button in _buttons(content):
            button["data"][TAG] = self._seal.tag(button["verb"], button["data"], self._conversation)
        return content


def _buttons(node: Json) -> Iterator[dict[str, Json]]:
    if isinstance(node, dict):
        if node.get("type") == "Action.Execute":
            yield node
        for value in node.values():
            yield from _buttons(value)
    elif isinstance(node, list):
        for value in node:
            yield from _buttons(value)
