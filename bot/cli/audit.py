"""audit: verify the log, prove one request, export, erase."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path

from bot.cli.call import Call, operator
from bot.cli.parser import Chapter, Command
from bot.cli.reading import instant
from bot.core.terms import Entry, EntryKind, PersonName, RequestId


async def verify(call: Call) -> int:
    """Walk the whole log against every checkpoint; raises `LogBroken` naming the first bad entry."""
    extra = tuple(path.read_text("utf-8") for path in call.args.checkpoint)
    async with call.parts() as parts:
        with call.terminal.progress("Verifying") as step:
            held = await parts.auditing.verify(extra, step)
    call.terminal.good("The audit log holds: every entry is in its place and none was changed.")
    call.terminal.result(f"entries {held.size}, checkpoints {held.checkpoints}, root {held.root.hex()}")
    if not held.checkpoints:
        call.terminal.warn("Nothing is signed yet: the running server signs a checkpoint each minute.")
    return 0


async def prove(call: Call) -> int:
    """Write a document that proves, without us, what the log holds of a request."""
    async with call.parts() as parts:
        bundle = await parts.auditing.prove(RequestId(call.args.request), call.args.open)
        key = parts.keys.verifier_keys()[0]
    call.args.output.write_text(json.dumps(bundle, indent=1, ensure_ascii=False) + "\n", "utf-8")
    call.terminal.good(
        f"{call.args.output} proves {len(bundle['entries'])} entries; anybody can check it with"
    )
    call.terminal.result(f"python client/assent/proof.py {call.args.output} --key '{key}'")
    return 0


async def export(call: Call) -> int:
    """Write the entries of a time range as JSON Lines, exactly as they were hashed."""
    args, written = call.args, 0
    async with call.parts() as parts:
        size = await parts.store.size()
        with call.terminal.progress("Exporting") as step:
            async for line in parts.auditing.export(args.since, args.until):
                call.terminal.result(line.decode().rstrip("\n"))
                written += 1
                if written % 1000 == 0:
                    step(written, size)
    call.terminal.good(f"{written} entries exported.")
    return 0


async def key(call: Call) -> int:
    """Print the key that verifies our checkpoints and proofs."""
    async with call.parts() as parts:
        for text in parts.keys.verifier_keys():
            call.terminal.result(text)
    return 0


async def erase(call: Call) -> int:
    """Erase a person beside the log, which still verifies: its commitments stand unopened."""
    person = PersonName(call.args.person)
    if not call.args.yes:
        call.terminal.bad("Erasing cannot be undone: repeat it with --yes.")
        return 1
    facts = {"command": "audit erase"}
    async with call.parts() as parts:
        entry = Entry(kind=EntryKind.ADMIN, at=parts.clock.now(), by=operator(), facts=facts)
        known = parts.policies.current().directory.people.get(person)
        accounts = (*known.slack, *known.teams) if known else ()
        count = await parts.store.erase(person, accounts, entry)
    call.terminal.good(
        f"{count} private {'field that names' if count == 1 else 'fields that name'} {person}: erased. "
        "So are their absence, quiet hours, linked accounts and sessions. The log still verifies."
    )
    return 0


def _verify_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--checkpoint",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="a checkpoint that was kept elsewhere; repeat for several",
    )


def _prove_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("request", metavar="REQUEST", help="req_…")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, required=True)
    parser.add_argument("--open", action="store_true", help="with names and reasons, not only commitments")


def _export_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--since", metavar="INSTANT", type=instant, help="from then on, e.g. 2026-01-31")
    parser.add_argument("--until", metavar="INSTANT", type=instant, help="before then")


def _erase_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("person", metavar="PERSON")
    parser.add_argument("--yes", action="store_true", help="yes, irrevocably")


CHAPTER = Chapter(
    "Proof",
    (
        Command(
            "audit verify",
            "walk the whole log and hold it against its checkpoints",
            verify,
            ("audit verify", "audit verify --checkpoint /mnt/elsewhere/latest.note"),
            _verify_arguments,
        ),
        Command(
            "audit prove",
            "prove one request to somebody who does not trust us",
            prove,
            ("audit prove req_4f… -o proof.json", "audit prove req_4f… --open -o proof.json"),
            _prove_arguments,
        ),
        Command(
            "audit export",
            "the entries of a time range, as JSON Lines",
            export,
            (
                "audit export > log.jsonl",
                "audit export --since 2026-01-01 --until 2026-02-01 > january.jsonl",
            ),
            _export_arguments,
        ),
        Command("audit key", "the key that verifies checkpoints and proofs", key, ("audit key",)),
        Command(
            "audit erase",
            "erase a person's names and reasons; the log still verifies",
            erase,
            ("audit erase ana --yes",),
            _erase_arguments,
        ),
    ),
)
