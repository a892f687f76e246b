"""The command line as a whole."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from assent.refusals import AssentError, BadCallback, BadGrant, NotApproved
from assent.shell import asking, gating, run, verifying
from assent.shell.codes import UNREACHABLE, USAGE, code_of
from assent.shell.screen import literal, screen

Describe = Callable[[argparse.ArgumentParser], None]
Run = Callable[[argparse.Namespace], int]

COMMANDS: tuple[tuple[str, str, Describe, Run | None], ...] = (
    ("run", "ask, then run a command once it is approved", run.arguments, run.main),
    ("request", "ask for an action; prints the request's id", asking.request_arguments, asking.request),
    ("wait", "wait until a request is decided", asking.one_argument, asking.wait),
    ("show", "show a request", asking.one_argument, asking.show),
    ("answer", "answer a question about a request", asking.answer_arguments, asking.answer),
    ("cancel", "withdraw a pending request", asking.one_argument, asking.cancel),
    ("mcp-gate", "let the tools of an MCP server run only once approved", gating.arguments, gating.main),
    ("verify", "check a callback, a grant or a proof", verifying.arguments, None),
)
TAIL = {  # of those that take a command
    "run": "[options] -- COMMAND [ARGUMENT…]",
    "mcp-gate": "--name NAME [options] -- SERVER [ARGUMENT…]",
}
ENDING = """\
exit codes: the command's own, and where it did not run
   2  a command line or setting that cannot be right     75  nobody decided in time
  69  Assent cannot be reached                            77  denied
  78  refused by Assent, or no longer approved            79  cancelled
 126  it cannot be executed     127  there is no such command     128+N  ended by signal N

examples:
  assent run -- kubectl delete namespace x
  assent run --justification "OPS-42: disk full" -- rm -r /var/cache/app
  assent request db.migrate --param env=prod --param sql="ALTER TABLE t …" --wait
  assent mcp-gate --name time -- uvx mcp-server-time
"""


def main(typed: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    words = list(sys.argv[1:] if typed is None else typed)
    end = words.index("--") if "--" in words else len(words)
    args = _parser().parse_args(words[:end])
    args.command = words[end + 1 :]
    if args.command and args.run not in (run.main, gating.main):
        _parser().error("only `run` and `mcp-gate` take a command after --")
    try:
        return int(args.run(args))
    except AssentError as error:
        return _failed(error, getattr(args, "json", False))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREACHABLE
    except KeyboardInterrupt:
        return USAGE


def _failed(error: AssentError, as_json: bool) -> int:
    code = code_of(error)
    facts: dict[str, object] = {"event": "refused", "exit_code": code, "reason": str(error)}
    words = literal(str(error))
    if isinstance(error, NotApproved):
        request = error.request
        facts = {**facts, "event": request.state, "id": request.id, "reason": request.reason}
        words = f"{request.state}; nothing ran" + (f": {literal(request.reason)}" if request.reason else "")
    elif isinstance(error, BadCallback | BadGrant):
        words = f"BAD: {words}"
    screen(as_json).say("bad", words, **facts)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="assent",
        description="Ask people before you run it.",
        epilog=ENDING,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, about, arguments, function in COMMANDS:
        shown = f"assent {name} {TAIL[name]}" if name in TAIL else None
        command = commands.add_parser(name, help=about, description=about, usage=shown, allow_abbrev=False)
        arguments(command)
        if function is not None:
            command.set_defaults(run=function)
    return parser
