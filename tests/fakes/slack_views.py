"""A fake Slack through people's eyes: channels, cards, forms."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.fakes.slack_blocks import texts
from tests.fakes.slack_state import Conversation, Json, Message, Modal

if TYPE_CHECKING:
    from tests.fakes.slack import FakeSlack


@dataclass(frozen=True)
class Answer:
    """How the app answered a call."""

    status: int
    text: str
    seconds: float

    def json(self) -> Json:
        """Return the answer's JSON; an empty acknowledgement is an empty object."""
        found = (
            json.loads(self.text) if self.text.startswith("{") else {"text": self.text} if self.text else {}
        )
        assert isinstance(found, dict)
        return found


@dataclass(frozen=True)
class ChannelView:
    """A channel as people see it; whatever a test looks at counts as expected."""

    slack: FakeSlack
    conversation: Conversation

    def card(self, title: str) -> CardView:
        """Return the one card with this in its title."""
        found = [m for m in self._standing() if title in _title(m)]
        assert found, f"no card {title!r} among {[_title(m) or m.text for m in self._standing()]}"
        assert len(found) == 1, f"{len(found)} live cards {title!r}"
        found[0].seen = True
        return CardView(self.slack, found[0])

    def cards(self) -> list[CardView]:
        """Return every card, oldest first."""
        found = [m for m in self._standing() if _title(m)]
        for message in found:
            message.seen = True
        return [CardView(self.slack, message) for message in found]

    def line(self, words: str) -> str:
        """Return the one message outside of threads, not a card, with these words."""
        found = [m for m in self._standing() if not _title(m) and words in m.text]
        assert len(found) == 1, f"{len(found)} lines {words!r}"
        found[0].seen = True
        return found[0].text

    def _standing(self) -> list[Message]:
        return [m for m in self.conversation.messages if not m.deleted and m.thread_ts is None]


@dataclass(frozen=True)
class CardView:
    """A card as it stands now."""

    slack: FakeSlack
    message: Message

    @property
    def blocks(self) -> list[Json]:
        return self.message.blocks

    @property
    def text(self) -> str:
        """All of the card's text, in reading order."""
        return "".join(
            f"{text}\n" if block["type"] != "rich_text" else text
            for block in self.blocks
            for text in texts(block)
        )

    @property
    def title(self) -> str:
        return _title(self.message)

    @property
    def buttons(self) -> list[str]:
        return [element["text"]["text"] for element in self._buttons()]

    @property
    def thread(self) -> list[str]:
        """The lines below the card, which thereby count as expected."""
        conversation = self.slack.state.conversations[self.message.channel]
        lines = [m for m in conversation.messages if m.thread_ts == self.message.ts]
        for line in lines:
            line.seen = True
        return [line.text for line in lines]

    def element(self, button: str) -> Json:
        """Return a button by its label."""
        found = [element for element in self._buttons() if element["text"]["text"] == button]
        assert found, f"there is no {button!r} among {self.buttons}"
        return found[0]

    def block_of(self, button: str) -> str:
        """Return the block_id that holds a button."""
        holders = [b for b in self.blocks if self.element(button) in b.get("elements", ())]
        return str(holders[0].get("block_id", ""))

    async def press(self, button: str, user: str) -> Answer:
        """Press a button."""
        answer = await self.slack.press(self, button, user)
        assert answer.status == 200, (answer.status, answer.text)
        return answer

    def delete(self) -> None:
        """Let somebody delete it."""
        self.message.deleted = True

    def _buttons(self) -> list[Json]:
        return [
            element for block in self.blocks if block["type"] == "actions" for element in block["elements"]
        ]


@dataclass(frozen=True)
class Form:
    """A form that somebody has open."""

    slack: FakeSlack
    modal: Modal

    @property
    def title(self) -> str:
        return str(self.modal.view["title"]["text"])

    @property
    def text(self) -> str:
        return "\n".join(texts(self.modal.view["blocks"]))

    @property
    def errors(self) -> str:
        """What is shown in red, when the form was not taken."""
        return " ".join(self.modal.errors.values())

    async def submit(self, words: str | None) -> Answer:
        """Submit it; an input that is not optional needs words."""
        for block in self.modal.view["blocks"]:
            if block["type"] == "input" and not block.get("optional"):
                assert words, "Slack does not submit a form whose input is missing"
            if block["type"] == "input" and words:
                assert len(words) <= block["element"].get("max_length", 3000)
        answer = await self.slack.submit(self.modal, words)
        assert answer.status == 200, (answer.status, answer.text)
        return answer


def _title(message: Message) -> str:
    headers = [block for block in message.blocks if block["type"] == "header"]
    return str(headers[0]["text"]["text"]) if headers else ""
