"""The shape of the command line: groups of commands, each with its words, arguments and examples."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from rich.console import Console
from rich.text import Text

from bot.cli.call import Call

USAGE = 2  # the exit code of a command line that nobody can read
PROGRAM = "python -m bot"


@dataclass(frozen=True, slots=True)
class Command:
    """One command: `path` is what is typed, `run` returns the exit code."""

    path: str
    about: str
    run: Callable[[Call], Awaitable[int]]
    examples: tuple[str, ...]
    arguments: Callable[[argparse.ArgumentParser], None] | None = None


@dataclass(frozen=True, slots=True)
class Chapter:
    """Commands that belong together in the help."""

    title: str
    commands: tuple[Command, ...]


class Parser(argparse.ArgumentParser):
    """argparse, with one sentence for a mistake and a guess at what was meant."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and how to see more; exit 2."""
        words = Console(file=sys.stderr, highlight=False, soft_wrap=True)
        words.print(Text.assemble(("✗ ", "bold red"), _sentence(message)))
        words.print(Text(f"  {self.prog} --help shows examples.", style="dim"))
        raise SystemExit(USAGE)


def parser_of(chapters: Sequence[Chapter]) -> Parser:
    """Return the parser of the whole command line; the chosen `Command` is in `command`."""
    root = Parser(prog=PROGRAM, formatter_class=argparse.RawDescriptionHelpFormatter, add_help=False)
    root.add_argument("-h", "--help", action="store_true", dest="front_page")
    verbs = root.add_subparsers(metavar="COMMAND", parser_class=Parser)
    nested: dict[str, argparse._SubParsersAction[Parser]] = {}
    for command in (one for chapter in chapters for one in chapter.commands):
        noun, _, verb = command.path.partition(" ")
        if verb and noun not in nested:
            nested[noun] = _noun(verbs, noun, chapters)
        _add(nested[noun] if verb else verbs, verb or noun, command)
    return root


def front_page(chapters: Sequence[Chapter], console: Console) -> None:
    """Show every command in its chapter."""
    console.print(Text.assemble(("Assent", "bold cyan"), ": people approve what AI agents may do.\n"))
    width = max(len(one.path) for chapter in chapters for one in chapter.commands)
    for chapter in chapters:
        console.print(Text(chapter.title, style="bold"))
        for one in chapter.commands:
            console.print(Text.assemble("  ", (one.path.ljust(width), "cyan"), "  ", one.about))
        console.print()
    console.print(
        Text(f"{PROGRAM} COMMAND --help shows examples. Settings: {PROGRAM} settings.", style="dim")
    )


def _noun(
    verbs: argparse._SubParsersAction[Parser], noun: str, chapters: Sequence[Chapter]
) -> argparse._SubParsersAction[Parser]:
    own = [one for chapter in chapters for one in chapter.commands if one.path.startswith(f"{noun} ")]
    parser = verbs.add_parser(
        noun,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_examples(one.examples[0] for one in own),
    )
    return parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)


def _add(verbs: argparse._SubParsersAction[Parser], name: str, command: Command) -> None:
    parser = verbs.add_parser(
        name,
        help=command.about,
        description=f"{command.about[0].upper()}{command.about[1:]}.",
        epilog=_examples(command.examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if command.arguments is not None:
        command.arguments(parser)
    parser.set_defaults(command=command)


def _examples(lines: Iterable[str]) -> str:
    return "examples:\n" + "\n".join(f"  {PROGRAM} {line}".rstrip() for line in lines)


def _sentence(message: str) -> str:
    """Turn argparse's words for an unknown command into ours."""
    found = re.search(r"invalid choice: '(.*)' \(choose from (.*)\)", message)
    if found is None:
        return f"{message[0].upper()}{message[1:]}."
    typed, known = found[1], re.findall(r"'([^']*)'", found[2])
    close = difflib.get_close_matches(typed, known, n=1, cutoff=0.5)
    hint = f"Did you mean {close[0]}?" if close else f"There are {', '.join(known)}."
    return f"There is no {typed!a} here. {hint}"
