"""What is typed, as values."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from datetime import timedelta
from typing import Any

from assent.agent import PATIENCE, Agent
from assent.refusals import Misused
from assent.settings import key as key_setting
from assent.settings import url as url_setting
from assent.strictly import read_object
from assent.terms import Ask

UNITS = {"s": "seconds", "m": "minutes", "h": "hours"}


def add_connection(parser: ArgumentParser) -> None:
    """Where Assent is, who asks, and how to speak."""
    parser.add_argument("--url", help="where Assent is (default: ASSENT_URL)")
    parser.add_argument("--key", help="the agent's key (better: ASSENT_KEY, which no process list shows)")
    parser.add_argument(
        "--patience",
        metavar="SECONDS",
        type=float,
        default=PATIENCE,
        help=f"how long to try while Assent is away (default: {PATIENCE:.0f})",
    )
    parser.add_argument("--json", action="store_true", help="JSON for programs instead of words")


def add_words(parser: ArgumentParser) -> None:
    """What comes with an ask."""
    parser.add_argument(
        "--param",
        dest="params",
        metavar="NAME=TEXT",
        type=_param,
        action="append",
        default=[],
        help="a parameter of the action; NAME:=JSON for what is no text",
    )
    parser.add_argument("--resource", metavar="TYPE/ID", type=_resource, help="what it is done to")
    parser.add_argument("--on-behalf-of", metavar="PERSON", help="for whom the agent acts")
    parser.add_argument("--justification", metavar="TEXT", help="why; approvers see it as the agent's claim")
    parser.add_argument("--summary", metavar="TEXT", help="what, in the agent's own words")
    parser.add_argument(
        "--context",
        metavar="NAME=TEXT",
        type=_param,
        action="append",
        default=[],
        help="something to show beside it; NAME:=JSON for what is no text",
    )
    parser.add_argument("--within", metavar="TIME", type=_length, help="give up earlier: 90s, 10m, 2h")
    parser.add_argument(
        "--idempotency-key", metavar="KEY", help="the same key asks for the same thing once, however often"
    )


def ask_of(args: Namespace, action: str, parameters: dict[str, Any]) -> Ask:
    """Return the ask that was typed; raises `Misused` when a parameter is given twice."""
    return Ask(
        action=action,
        parameters=_members([*parameters.items(), *args.params]),
        resource=args.resource,
        on_behalf_of=args.on_behalf_of,
        justification=args.justification,
        summary=args.summary,
        context=_members(args.context) or None,
        approve_within=args.within,
    )


def agent_of(args: Namespace) -> Agent:
    """Return the agent that speaks; raises `Misused`."""
    return Agent(args.url or url_setting(), args.key or key_setting(), patience=args.patience)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise Misused(f"{name} is given twice.")
        members[name] = value
    return members


def _param(typed: str) -> tuple[str, Any]:
    found = re.fullmatch(r"([^:=]+)(:?=)(.*)", typed, re.DOTALL)
    if found is None:
        raise ArgumentTypeError(f"{typed!a} is not like name=text or name:=JSON")
    name, kind, value = found.groups()
    if kind == "=":
        return name, value
    try:
        return name, read_object(f'{{"value": {value}}}')["value"]
    except ValueError as error:
        raise ArgumentTypeError(f"{value!a} is not JSON: {error}") from None


def _resource(typed: str) -> tuple[str, str]:
    kind, slash, name = typed.partition("/")
    if not (kind and slash and name):
        raise ArgumentTypeError(f"{typed!a} is not like database/orders")
    return kind, name


def _length(typed: str) -> timedelta:
    found = re.fullmatch(r"([0-9]{1,6})([smh])", typed, re.ASCII)
    if found is None or not int(found[1]):
        raise ArgumentTypeError(f"{typed!a} is not like 90s, 10m or 2h")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


def environment_of(pairs: list[str]) -> dict[str, str]:
    """Read `--env NAME=VALUE`; raises `Misused`."""
    split = [pair.partition("=") for pair in pairs]
    if any(not name or not equals for name, equals, _ in split):
        raise Misused("--env takes NAME=VALUE.")
    return {name: value for name, _, value in split}
