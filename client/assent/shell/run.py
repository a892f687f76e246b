"""`assent run -- COMMAND…`: ask, wait, run exactly what was approved, once, and say how it ended."""

from __future__ import annotations

import os
import shlex
import socket
import sys
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path

from assent.agent import POLL, Agent, new_key
from assent.refusals import AssentError, Misused, Refused, Unreachable
from assent.shell import child, options
from assent.shell.codes import CANCELLED
from assent.shell.screen import Screen, literal, screen, span
from assent.shell.signals import Interrupted, Signals
from assent.strictly import Json
from assent.terms import PENDING, Ask, Question, Receipt, Request

ACTION = "shell.run"
POLL_LIVE = 5.0  # seconds of one poll where somebody watches whom it waits for
SECRETS = "ASSENT_"  # variables of ours, which the command never sees


def arguments(parser: ArgumentParser) -> None:
    """Describe the command line; what comes after `--` is not for us."""
    parser.add_argument("--action", default=ACTION, help=f"what to ask for (default: {ACTION})")
    parser.add_argument(
        "--env",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="a variable for the command; it is part of what is approved",
    )
    options.add_words(parser)
    options.add_connection(parser)


def main(args: Namespace) -> int:
    """Run the command; return the exit code."""
    if not args.command:
        raise Misused("Say what to run after --, as in: assent run -- kubectl get pods")
    teller, signals = screen(args.json), Signals()
    ask, agent = _ask(args), options.agent_of(args)
    with signals.heard():
        try:
            receipt = _leave(agent, ask, args.idempotency_key or new_key(), teller, signals)
        except Interrupted:
            return CANCELLED
        return _run(agent, receipt, teller, signals)


def _ask(args: Namespace) -> Ask:
    parameters: Json = {"argv": args.command, "cwd": str(Path.cwd()), "host": socket.gethostname()}
    if args.env:
        parameters["env"] = options.environment_of(args.env)
    try:
        str(parameters).encode()
    except UnicodeEncodeError:
        raise Misused("The command holds bytes that are not UTF-8, which nobody could be shown.") from None
    return options.ask_of(args, args.action, parameters)


def _leave(agent: Agent, ask: Ask, key: str, teller: Screen, signals: Signals) -> Receipt:
    """Ask, wait and redeem; a signal withdraws the request and raises `Interrupted`."""
    request: Request | None = None
    try:
        request = agent.request(ask, key=key)
        request = wait_for(agent, request, teller, _asked(ask))
        signals.hold()
    except Interrupted:
        _withdraw(agent, ask, key, request, teller)
        raise
    receipt = agent.redeem(request, ask)
    if signals.held is not None:
        _report(agent, receipt, teller, succeeded=False, note="not run: interrupted before it started")
        teller.say("bad", "interrupted; nothing ran", event="cancelled", id=receipt.id)
        raise Interrupted
    return receipt


def wait_for(agent: Agent, request: Request, teller: Screen, words: str) -> Request:
    """Show that it was asked, and for whom it waits, until it is decided; raises `NotApproved`."""
    began = time.monotonic()
    teller.say("asked", words, event="asked", id=request.id, state=request.state, page=request.page)
    teller.more(f"code {request.code} · {literal(request.page)}")
    told: set[int] = set()
    while request.state == PENDING:
        for question in request.questions:
            if question.answer is None and question.number not in told:
                tell_question(teller, request, question)
        told.update(question.number for question in request.questions)
        request = _watched(agent, request, teller)
    request.require_granted()
    took = span(time.monotonic() - began)
    words = f"approved after {took}" if request.raw["stages"] else "allowed by policy"
    said = f": {literal(request.reason)}" if request.reason else ""
    teller.say("good", f"{words}{said}", event="approved", id=request.id)
    return request


def _watched(agent: Agent, request: Request, teller: Screen) -> Request:
    """Show the wait until the request is decided, or somebody asks something more."""
    known = len(request.questions)
    with teller.waiting(request) as wait:
        for stands in agent.watch(request, POLL_LIVE if sys.stderr.isatty() else POLL):
            request = stands
            wait.now(request)
            if len(request.questions) > known:
                break
    return request


def tell_question(teller: Screen, request: Request, question: Question) -> None:
    """Show what somebody wants to know, and how to answer."""
    who = literal(question.asked_by) if question.asked_by else "somebody"
    facts = {"id": request.id, "question": question.number, "words": question.text}
    teller.say("note", f"{who} asks: {literal(question.text)}", event="question", **facts)
    number = f" --question {question.number}" if question.number > 1 else ""
    teller.more(f'answer with: assent answer {request.id}{number} "…"')


def _asked(ask: Ask) -> str:
    argv = shlex.join(ask.parameters["argv"])
    return literal(f"{ask.action}: {argv}")


def _withdraw(agent: Agent, ask: Ask, key: str, request: Request | None, teller: Screen) -> None:
    try:
        ended = agent.cancel(request.id) if request else agent.take_back(ask, key)
        teller.say("bad", "cancelled; nothing ran", event="cancelled", id=ended.id)
    except Refused as refused:
        teller.say("bad", f"nothing ran, though it was decided: {literal(refused.detail)}", event="cancelled")
    except (Unreachable, Interrupted) as error:
        words = f"nothing ran; it could not be withdrawn, and will expire: {literal(str(error))}"
        teller.say("bad", words, event="cancelled")


def _run(agent: Agent, receipt: Receipt, teller: Screen, signals: Signals) -> int:
    """Run what the receipt says, and report; returns the command's exit code."""
    began = time.monotonic()
    approved = receipt.parameters
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(SECRETS)}
    environment = {**inherited, **approved.get("env", {})}
    ended = child.run(approved["argv"], approved["cwd"], environment, signals)
    signals.release()
    took = time.monotonic() - began
    note = _note(ended, took)
    digest = ended.out.sha256.hexdigest()
    try:
        _report(agent, receipt, teller, succeeded=ended.code == 0, note=note, output_digest=digest)
    except Interrupted:
        teller.say("note", "its outcome was not reported: interrupted")
    facts = {"exit_code": ended.code, "output_bytes": ended.out.size, "output_digest": digest}
    kind, event = ("good", "succeeded") if ended.code == 0 else ("bad", "failed")
    teller.say(kind, literal(note), event=event, id=receipt.id, **facts)
    if ended.problem is None:
        teller.more(f"sha256 of the output {digest}")
    return ended.code


def _note(ended: child.Ended, took: float) -> str:
    if ended.problem is not None:
        return f"not run: {ended.problem}"
    how = ended.by_signal or f"exit {ended.code}"
    return f"{how} after {took:.1f} s, {ended.out.size} bytes of output, {ended.err.size} of errors"


def _report(
    agent: Agent,
    receipt: Receipt,
    teller: Screen,
    *,
    succeeded: bool,
    note: str,
    output_digest: str | None = None,
) -> None:
    try:
        agent.report(receipt.id, succeeded=succeeded, note=note, output_digest=output_digest)
    except AssentError as error:
        teller.say("note", f"its outcome could not be reported: {literal(str(error))}")
