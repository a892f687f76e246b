"""The second confirmation of breaking glass: a modal in which its person types the request's short code.

What the button of the answer stands for is run only then; it is authorised then, as ever.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from bot.core.errors import Malformed, NotReady
from bot.core.terms import Json
from bot.ports import Later, Never
from handlers.render import Renderer
from handlers.slack.payloads import Pressed, clicker
from handlers.slack.troubles import repeatable
from handlers.slack.workspace import Workspace

GRAVE = ("break-glass", "confirm")  # how the line begins; then come the request, its digest and the reason
CODE_LENGTH = 8  # hex digits


@dataclass(frozen=True, slots=True)
class Confirming:
    """Asks for the code."""

    workspace: Workspace
    renderer: Renderer

    async def ask(self, pressed: Pressed) -> None:
        """Open the modal."""
        carried = json.dumps({"line": pressed.line, "response_url": pressed.response_url})
        view = self.renderer.json("slack/glass.json.j2", carried=carried, longest=4 * CODE_LENGTH)
        try:
            with repeatable():
                await self.workspace.client.views_open(trigger_id=pressed.trigger, view=view)
        except (Later, Never) as error:
            raise NotReady("Slack did not open the form; press the button again.") from error


def is_grave(pressed: Pressed) -> bool:
    """Say whether a button's command wants the second confirmation."""
    return tuple(pressed.line.split()[:2]) == GRAVE


def confirmed(body: Mapping[str, Json]) -> Pressed:
    """Read a submitted modal as the press that opened it; raises `Malformed` for another code."""
    view = body["view"]
    carried = json.loads(view["private_metadata"])
    pressed = Pressed(clicker(body), str(carried["line"]), str(carried["response_url"]), "")
    typed = "".join(str(view["state"]["values"]["code"]["typed"]["value"] or "").lower().split())
    words = pressed.line.split()
    if not is_grave(pressed) or len(words) < 4 or typed != words[3][:CODE_LENGTH]:
        raise Malformed("That is not the code of this request. It stands on its card; compare both.")
    return pressed
