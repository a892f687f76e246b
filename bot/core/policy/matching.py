"""Two shapes of their own: what a rule matches, and where a request is shown."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.core.policy.problems import Report, suggestion
from bot.core.policy.records import Many
from bot.core.policy.shapes import IDENTIFIER, Scalar, Text
from bot.core.policy.tree import Node
from bot.core.terms import Address, Json

PATTERN = re.compile(r"[A-Za-z0-9._\-/:@*]{1,200}")


@dataclass(frozen=True, slots=True)
class Where:
    """A place to show a request: a mapping of one surface to its channel, chat or `inbox`."""

    surfaces: tuple[str, ...] = ("slack", "teams", "web")

    def read(self, node: Node, report: Report) -> Address:
        if not isinstance(node.value, dict) or len(node.value) != 1:
            raise report.fault(node.place, 'expected one place, such as {slack: "#ops"}')
        (surface, target) = next(iter(node.value.items()))
        if surface not in self.surfaces:
            near = suggestion(surface, self.surfaces)
            raise report.fault(node.keys[surface], f"there is no surface {surface}{near}")
        return Address(surface, Text(what="the name of a place", longest=200).read(target, report))

    def schema(self) -> dict[str, Json]:
        target = Text(longest=200).schema()
        return {
            "type": "object",
            "properties": dict.fromkeys(self.surfaces, target),
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
        }


@dataclass(frozen=True, slots=True)
class Match:
    """What a rule matches: `action` and paths into the ask, each with one value or a list of them."""

    def read(self, node: Node, report: Report) -> dict[str, tuple[Node, tuple[Json, ...]]]:
        if not isinstance(node.value, dict):
            raise report.fault(node.place, 'expected what to match, such as {action: "db.*"}')
        found: dict[str, tuple[Node, tuple[Json, ...]]] = {}
        for name, value in node.value.items():
            if not re.fullmatch(self._paths(), name):
                near = suggestion(name, ("action", "agent", "on_behalf_of", "resource.type", "resource.id"))
                hint = (
                    near
                    or "; write params.NAME, context.NAME, resource.type, resource.id, agent or on_behalf_of"
                )
                raise report.fault(node.keys[name], f"nothing to match is called {name}{hint}")
            shape = Many(self._value(name), or_one=True, empty="an empty list matches nothing")
            found[name] = (value, shape.read(value, report))
        if "action" not in found:
            raise report.fault(node.place, 'a match needs action; "*" is every action')
        return found

    @staticmethod
    def _paths() -> str:
        return r"action|agent|on_behalf_of|resource\.(type|id)|(params|context)\.[A-Za-z0-9_\-]{1,100}"

    @staticmethod
    def _value(name: str) -> Text | Scalar:
        if name == "action":
            return Text(PATTERN, "an action's name or a pattern such as db.*", 200)
        return (
            Scalar() if name.startswith(("params.", "context.")) else Text(IDENTIFIER, "an identifier", 200)
        )

    def schema(self) -> dict[str, Json]:
        def one_or_many(name: str) -> Json:
            return Many(self._value(name), or_one=True, empty="no").schema()

        fixed = ("action", "agent", "on_behalf_of", "resource.type", "resource.id")
        return {
            "type": "object",
            "properties": {name: one_or_many(name) for name in fixed},
            "patternProperties": {r"^(params|context)\.": one_or_many("params.")},
            "additionalProperties": False,
            "required": ["action"],
        }
