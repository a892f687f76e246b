"""`python -m bot`: each command in a few lines; what it does is in the services.

Results stand on standard output, a key always on its last line; words for people on standard error.
Exit codes: 0 done, 1 refused or failed (one sentence says why), 2 a command line nobody can read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import uvloop

from bot.app import NotMigrated
from bot.cli.call import Call
from bot.cli.parser import Chapter, front_page, parser_of
from bot.cli.running import RUNNING
from bot.cli.terminal import Terminal
from bot.core.errors import NotReady, Refusal
from bot.core.log import LogBroken
from bot.core.policy import PolicyBroken
from bot.settings import SettingsWrong

REFUSED = 1
INTERRUPTED = 130  # 128 + SIGINT, as shells say it


def main(typed: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    terminal = Terminal()
    chapters = _chapters(typed)
    args = parser_of(chapters).parse_args(typed)
    if not hasattr(args, "command"):
        front_page(chapters, terminal.out)
        return 0
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return int(runner.run(args.command.run(Call(args, terminal))))
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return 0  # `| head` has seen enough
    except NotReady as later:
        terminal.bad(f"{later.detail} `python -m bot doctor` says more.")
    except Refusal as refusal:
        terminal.bad(
            " ".join(
                [
                    refusal.detail,
                    *(f"({where}: {why})" for where, why in refusal.pointers if why != refusal.detail),
                ]
            )
        )
    except PolicyBroken as broken:
        terminal.bad(f"The policy does not load.\n{broken}")
    except LogBroken as broken:
        terminal.bad(f"The audit log is broken: {broken}")
    except (SettingsWrong, NotMigrated, ValueError) as wrong:
        terminal.bad(str(wrong))
    except OSError as error:
        terminal.bad(f"{error.filename or 'The system'}: {error.strerror or error}.")
    return REFUSED


def _chapters(typed: Sequence[str]) -> tuple[Chapter, ...]:
    if typed and typed[0] == "serve":
        return (RUNNING,)  # a server does not wait for sixty commands that nobody typed
    from bot.cli.chapters import CHAPTERS

    return CHAPTERS
