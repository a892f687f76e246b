"""`assent request | wait | show | answer | cancel`: one request at a time, for scripts and for people."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Callable

from assent.agent import Agent, new_key
from assent.refusals import Misused
from assent.shell import options
from assent.shell.codes import CANCELLED, GOOD
from assent.shell.run import wait_for
from assent.shell.screen import literal, result, screen, whom
from assent.shell.signals import Interrupted, Signals
from assent.terms import PENDING, Request


def request_arguments(parser: ArgumentParser) -> None:
    """Describe `request`."""
    parser.add_argument("action", metavar="ACTION", help="as the policy's catalog calls it")
    options.add_words(parser)
    parser.add_argument("--wait", action="store_true", help="stay until it is decided; Ctrl-C withdraws it")
    options.add_connection(parser)


def one_argument(parser: ArgumentParser) -> None:
    """Describe `wait`, `show` and `cancel`."""
    parser.add_argument("id", metavar="REQUEST", help="req_…, as `assent request` printed it")
    options.add_connection(parser)


def request(args: Namespace) -> int:
    """Ask; print the request's id."""
    agent = options.agent_of(args)
    ask = options.ask_of(args, args.action, {})
    made = agent.request(ask, key=args.idempotency_key or new_key())
    if not args.wait:
        _print(made, args.json)
        return GOOD
    result(made.id)
    return _wait(agent, made, args, lambda: agent.cancel(made.id))


def wait(args: Namespace) -> int:
    """Wait until a request is decided; the exit code says how."""
    agent = options.agent_of(args)
    return _wait(agent, agent.show(args.id), args, lambda: None)


def show(args: Namespace) -> int:
    """Print a request as it stands."""
    _print(options.agent_of(args).show(args.id), args.json, whole=True)
    return GOOD


def answer_arguments(parser: ArgumentParser) -> None:
    """Describe `answer`."""
    one_argument(parser)
    parser.add_argument("text", metavar="TEXT", help="people read it as the agent's claim")
    parser.add_argument("--question", metavar="NUMBER", type=int, help="default: the one that is open")


def answer(args: Namespace) -> int:
    """Answer what somebody wants to know before they decide."""
    agent = options.agent_of(args)
    found = agent.show(args.id)
    number = args.question if args.question is not None else _open_question(found)
    _print(agent.answer(found, number, args.text), args.json)
    return GOOD


def _open_question(found: Request) -> int:
    numbers = [one.number for one in found.questions if one.answer is None]
    if len(numbers) == 1:
        return numbers[0]
    if not numbers:
        raise Misused("Nobody has asked anything that is still open.")
    raise Misused(f"Questions {', '.join(map(str, numbers))} are open; say which with --question.")


def cancel(args: Namespace) -> int:
    """Withdraw a pending request."""
    cancelled = options.agent_of(args).cancel(args.id)
    _print(cancelled, args.json)
    return GOOD


def _wait(agent: Agent, made: Request, args: Namespace, leave: Callable[[], object]) -> int:
    teller, signals = screen(args.json), Signals()
    action = literal(str(made.raw.get("action", {}).get("name", "")))
    with signals.heard():
        try:
            wait_for(agent, made, teller, action)
        except Interrupted:
            leave()
            teller.say("bad", "no longer waiting", event="interrupted", id=made.id)
            return CANCELLED
    return GOOD


def _print(made: Request, as_json: bool, *, whole: bool = False) -> None:
    if as_json:
        result(json.dumps(made.raw, ensure_ascii=False))
        return
    if not whole:
        result(made.id)
        return
    action = made.raw.get("action", {})
    result(f"{made.id}  {made.state}")
    result(f"  {literal(str(action.get('name')))}  code {made.code}")
    for name, value in action.get("parameters", {}).items():
        written = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        result(f"  {literal(name)}: {literal(written)}")
    for one in made.questions:
        result(f"  question {one.number}: {literal(one.text)}")
        result(f"    {literal(one.answer) if one.answer is not None else 'not answered'}")
    if made.state == PENDING:
        result(f"  {whom(made)}, until {made.expires_at:%Y-%m-%d %H:%M:%S}Z")
    elif made.reason:
        result(f"  {literal(made.reason)}")
    result(f"  {literal(made.page)}")
