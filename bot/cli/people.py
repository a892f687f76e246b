"""people, keys: how people get in, and what opens the doors."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable
from datetime import timedelta

from bot.cli.absent import COMMANDS as ABSENT
from bot.cli.call import Call, operator
from bot.cli.keys import keys_in_force
from bot.cli.parser import Chapter, Command
from bot.cli.reading import hours
from bot.cli.terminal import day
from bot.core.policy import Group
from bot.core.terms import Change, Entry, EntryKind, KeyKind, Person, PersonName


async def token(call: Call) -> int:
    """Print a new token for a person; it is the last line of the output."""
    person, life = PersonName(call.args.person), call.args.hours
    async with call.parts() as parts:
        secret = await parts.admin.person_token(person, life, operator())
    call.terminal.good(f"{person} has a token for {life / timedelta(hours=1):g} hours.")
    call.terminal.result(secret)
    return 0


async def link(call: Call) -> int:
    """Print a one-time sign-in address for a person."""
    person = PersonName(call.args.person)
    async with call.parts() as parts:
        secret = await parts.entering.invite(person, operator())
    call.terminal.good(f"{person} can sign in once with this address, within ten minutes.")
    call.terminal.result(f"{parts.public_url}/enter#{secret}")
    return 0


async def list_people(call: Call) -> int:
    """Show the directory."""
    async with call.parts() as parts:
        registry, now = await parts.store.registry(), parts.clock.now()
        force = parts.policies.current()
    people, groups = force.directory.people, force.bundle.groups.values()
    rows = [
        (*_person_row(person, groups), str(len(keys_in_force(registry, KeyKind.PERSON, name, now))))
        for name, person in sorted(people.items())
    ]
    titles = ("PERSON", "ROLES", "GROUPS", "SLACK", "TEAMS", "TOKENS")
    call.terminal.table(titles, rows, "Nobody stands in directory.yaml.")
    return 0


async def revoke_person(call: Call) -> int:
    """Revoke a person's tokens, untie the chat accounts they linked, end their web sessions and links."""
    person = PersonName(call.args.person)
    async with call.parts() as parts:
        known = person in parts.policies.current().directory.people
        held = keys_in_force(await parts.store.registry(), KeyKind.PERSON, person, parts.clock.now())
        revoke = bool(held) or not (known or await parts.linking.linked(person))
        tokens = await parts.admin.revoke_all(KeyKind.PERSON, person, operator()) if revoke else 0
        # Accounts first: one of them could ask for the next session.
        accounts = await parts.linking.unlink_all(person, operator())
        sessions = await parts.entering.expel(person, operator())
    call.terminal.good(
        f"{_several(tokens, 'token')} of {person} revoked, {_several(accounts, 'linked account')} untied, "
        f"{_several(sessions, 'session')} ended."
    )
    return 0


def _several(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


async def list_keys(call: Call) -> int:
    """Show every key: whose it is and whether it still opens a door; never the secret."""
    async with call.parts() as parts:
        registry, now = await parts.store.registry(), parts.clock.now()
    rows = []
    for key in sorted(registry.keys.values(), key=lambda key: key.created_at):
        over = key.expires_at is not None and now >= key.expires_at
        state = "revoked" if key.revoked_at else "expired" if over else "in force"
        ends = day(key.expires_at) if key.expires_at else "-"
        rows.append((key.id, key.kind.value, key.name, state, day(key.created_at), ends))
    call.terminal.table(("KEY", "KIND", "WHOSE", "STATE", "ISSUED", "ENDS"), rows, "No key yet.")
    return 0


async def revoke_key(call: Call) -> int:
    """Revoke one key."""
    async with call.parts() as parts:
        await parts.admin.revoke_key(call.args.key, operator())
    call.terminal.good(f"Key {call.args.key} opens nothing any more.")
    return 0


async def rotate_keys(call: Call) -> int:
    """Start new keys for grants and callbacks."""
    async with call.parts() as parts:
        key_id = parts.keys.rotate()
        facts = {"command": "keys rotate", "key": key_id}
        entry = Entry(kind=EntryKind.ADMIN, at=parts.clock.now(), by=operator(), facts=facts)
        await parts.store.commit(Change(after=None, expected=None, entries=(entry,)))
    call.terminal.good(f"Grants and callbacks are signed with new keys; grants now with {key_id}.")
    call.terminal.say("What the old ones signed verifies for another 30 days. Back the key folder up.", "dim")
    return 0


def _person_row(person: Person, groups: Iterable[Group]) -> tuple[str, ...]:
    roles = {"admin": person.admin, "auditor": person.auditor, "break-glass": person.break_glass}
    held = ", ".join(role for role, has in roles.items() if has)
    belongs = person.groups | {group.name for group in groups if person.name in (group.members or ())}
    return (
        person.name,
        held or "-",
        ", ".join(sorted(belongs)) or "-",
        " ".join(person.slack) or "-",
        " ".join(person.teams) or "-",
    )


def _person(parser: ArgumentParser) -> None:
    parser.add_argument("person", metavar="PERSON", help="as directory.yaml calls them")


def _token_arguments(parser: ArgumentParser) -> None:
    _person(parser)
    parser.add_argument(
        "--hours", type=hours, default="12", help="how long it lasts, at most 12 (default: 12)"
    )


def _key(parser: ArgumentParser) -> None:
    parser.add_argument("key", metavar="KEY", help="its id, as `keys list` shows it")


CHAPTER = Chapter(
    "People and keys",
    (
        Command(
            "people link",
            "a one-time sign-in address for the web",
            link,
            ("people link ana",),
            _person,
        ),
        Command(
            "people token",
            "a person's token for the API; it is the last line",
            token,
            ("people token ana", "people token ana --hours 1"),
            _token_arguments,
        ),
        Command("people list", "show the directory", list_people, ("people list",)),
        Command(
            "people revoke",
            "end a person's tokens, linked accounts and web sessions",
            revoke_person,
            ("people revoke ana",),
            _person,
        ),
        *ABSENT,
        Command("keys list", "show every key, never a secret", list_keys, ("keys list",)),
        Command("keys revoke", "revoke one key", revoke_key, ("keys revoke 3f9a0c1b22de",), _key),
        Command("keys rotate", "rotate the server's signing keys", rotate_keys, ("keys rotate",)),
    ),
)
