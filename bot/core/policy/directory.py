"""directory.yaml → Directory: who is who, under which accounts, in which groups."""

from __future__ import annotations

import hashlib
import json

from bot.core.policy.grammar import DIRECTORY
from bot.core.policy.model import Directory
from bot.core.policy.problems import Faulty, Place, PolicyBroken, Report, suggestion
from bot.core.policy.records import Filled
from bot.core.policy.tree import plain, read_tree
from bot.core.terms import Digest, GroupName, Json, Person, PersonName


def digest_of(content: Json) -> Digest:
    """Return the SHA-256 of what was written, whatever its layout and comments."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return Digest(hashlib.sha256(text.encode()).hexdigest())


def read_directory(text: str, file: str) -> Directory:
    """Return the directory; raises `PolicyBroken`."""
    report = Report({file: text})
    try:
        root = read_tree(text, file, report)
        if root is None:
            raise report.fault(Place(file, 1, 1), "this directory is empty: nobody could review anything")
        found = DIRECTORY.read(root, report)
    except Faulty as fault:
        raise PolicyBroken(report.problems) from fault
    people = {PersonName(name): _person(name, filled) for name, (_, filled) in found.items() if filled}
    accounts = _accounts(people, {name: place for name, (place, _) in found.items()}, report)
    for _, filled in found.values():
        _check_deputies(filled, {name for name, _ in found.items()}, report)
    report.close()
    return Directory(people, digest_of(plain(root)), accounts)


def _person(name: str, filled: Filled) -> Person:
    return Person(
        name=PersonName(name),
        email=filled.get("email"),
        title=filled.get("title"),
        slack=filled.get("slack", ()),
        teams=filled.get("teams", ()),
        groups=frozenset(GroupName(group) for group in filled.get("groups", ())),
        admin=filled.get("admin", False),
        auditor=filled.get("auditor", False),
        break_glass=filled.get("break_glass", False),
        deputies=tuple(PersonName(deputy) for _, deputy in filled.get("deputies", ())),
    )


def _accounts(
    people: dict[PersonName, Person], places: dict[str, Place], report: Report
) -> dict[tuple[str, str], PersonName]:
    accounts: dict[tuple[str, str], PersonName] = {}
    for name, person in people.items():
        owned = [("slack", account) for account in person.slack] + [
            ("teams", account) for account in person.teams
        ]
        for key in owned:
            other = accounts.setdefault(key, name)
            if other != name:
                report.add(places[name], f"the {key[0]} account {key[1]} is already {other}'s")
    return accounts


def _check_deputies(filled: Filled | None, known: set[str], report: Report) -> None:
    for node, deputy in filled.get("deputies", ()) if filled else ():
        if deputy not in known:
            report.add(node.place, f"there is no person {deputy}{suggestion(deputy, known)}")
