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
from handlers.commands import glass
from handlers.commands.glass import CODE_LENGTH
from handlers.render import Renderer
from handlers.slack.payloads import Pressed, clicker
from handlers.slack.troubles import repeatable
from handlers.slack.workspace import Workspace


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
    return glass.is_grave(pressed.line)


def confirmed(body: Mapping[str, Json]) -> Pressed:
    """Read a submitted modal as the press that opened it; raises `Malformed` for another code."""
    view = body["view"]
    carried = json.loads(view["private_metadata"])
    pressed = Pressed(clicker(body), str(carried["line"]), str(carried["response_url"]), "")
    if not is_grave(pressed):
        raise Malformed("This form confirms nothing.")
    glass.confirmed(pressed.line, str(view["state"]["values"]["code"]["typed"]["value"] or ""))
    return pressed
