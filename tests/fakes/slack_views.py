"""A fake Slack through people's eyes: channels, cards, forms."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.fakes import slack_payloads as payloads
from tests.fakes.slack_blocks import offers, texts
from tests.fakes.slack_state import Conversation, Home, Json, Message, Modal

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
        return [element["text"]["text"] for element in self._buttons() if element["type"] == "button"]

    @property
    def more(self) -> list[str]:
        """What stands behind the dots."""
        return [option["text"]["text"] for option in self._options()]

    @property
    def thread(self) -> list[str]:
        """The lines below the card, which thereby count as expected."""
        conversation = self.slack.state.conversations[self.message.channel]
        lines = [m for m in conversation.messages if m.thread_ts == self.message.ts]
        for line in lines:
            line.seen = True
        return [line.text for line in lines]

    def element(self, button: str) -> Json:
        """Return a button by its label, or what is sent when this is chosen behind the dots."""
        return element_of(self.blocks, button)

    def block_of(self, button: str) -> str:
        """Return the block_id that holds a button."""
        return block_of(self.blocks, button)

    async def press(self, button: str, user: str) -> Answer:
        """Press a button."""
        answer = await self.slack.press(self, button, user)
        assert answer.status == 200, (answer.status, answer.text)
        return answer

    def delete(self) -> None:
        """Let somebody delete it."""
        self.message.deleted = True

    def _buttons(self) -> list[Json]:
        return [element for block in self.blocks for element in elements_of(block)]

    def _options(self) -> list[Json]:
        return [option for element in self._buttons() for option in element.get("options", ())]


@dataclass(frozen=True)
class PaneView:
    """A home tab, or a modal with buttons, as it stands."""

    slack: FakeSlack
    pane: Home | Modal

    @property
    def blocks(self) -> list[Json]:
        blocks: list[Json] = self.pane.view["blocks"]
        return blocks

    @property
    def text(self) -> str:
        """All of its text, in reading order."""
        return "\n".join(texts(self.blocks))

    @property
    def buttons(self) -> list[str]:
        elements = [element for block in self.blocks for element in elements_of(block)]
        return [element["text"]["text"] for element in elements if element["type"] == "button"]

    async def press(self, button: str, number: int = 0) -> Answer:
        """Press a button, the first with this label unless told."""
        answer = await self.slack.send(self.slack.pressed_in(self.pane, button, number))
        assert answer.status == 200, (answer.status, answer.text)
        return answer

    async def close(self) -> None:
        """Close the modal by hand, which Slack tells those who want to know."""
        assert isinstance(self.pane, Modal)
        self.pane.closed = True
        if self.pane.view.get("notify_on_close"):
            answer = await self.slack.send(payloads.view_closed(self.slack.state, self.pane))
            assert answer.status == 200, (answer.status, answer.text)


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

    async def fill(self, **fields: Any) -> Answer:
        """Submit it with these things in its fields, by their block_ids; the others stay as they are."""
        labels = {
            block["block_id"]: block["label"]["text"]
            for block in self.modal.view["blocks"]
            if block["type"] == "input"
        }
        answer = await self.slack.fill(self.modal, {labels[name]: held for name, held in fields.items()})
        assert answer.status == 200, (answer.status, answer.text)
        return answer

    def offered(self, field: str) -> list[str]:
        """Return what a menu offers, by its block_id."""
        [element] = [
            block["element"] for block in self.modal.view["blocks"] if block.get("block_id") == field
        ]
        return [option["text"]["text"] for option in offers(element)]


def elements_of(block: Json) -> list[Json]:
    """Return what can be pressed in a block, its accessory too."""
    held = block.get("elements", ()) if block["type"] == "actions" else (block.get("accessory"),)
    return [one for one in held if isinstance(one, dict)]


def element_of(blocks: list[Json], label: str, number: int = 0) -> Json:
    """Return a button by its label, the first unless told; or what choosing this behind the dots sends."""
    elements = [element for block in blocks for element in elements_of(block)]
    found = [one for one in elements if one.get("text", {}).get("text") == label]
    for menu in elements:
        chosen = [option for option in menu.get("options", ()) if option["text"]["text"] == label]
        found += [
            {"type": menu["type"], "action_id": menu["action_id"], "selected_option": option}
            for option in chosen
        ]
    assert len(found) > number, f"there is no {label!r}"
    return found[number]


def block_of(blocks: list[Json], label: str) -> str:
    """Return the block_id of what holds a button."""
    action = element_of(blocks, label)["action_id"]
    holders = [b for b in blocks if action in [one.get("action_id") for one in elements_of(b)]]
    return str(holders[0].get("block_id", ""))


def buttons_of(block: Json) -> list[Json]:
    """Return the buttons of a block, its accessory too."""
    held = [*block.get("elements", ()), block.get("accessory")]
    return [one for one in held if isinstance(one, dict) and one.get("type") == "button"]


def _title(message: Message) -> str:
    headers = [block for block in message.blocks if block["type"] == "header"]
    return str(headers[0]["text"]["text"]) if headers else ""
