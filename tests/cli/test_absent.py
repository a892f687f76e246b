"""people away, back, absent, accounts, unlink."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest

from bot.app import parts
from bot.clock import wall
from bot.core.terms import Actor, ActorKind, PersonName, Proof, Surface
from bot.settings import read
from tests.cli.conftest import Typed

LATER = "2099-01-01"
ACCOUNT = "T0ASSENT/U0NEW"


def soon() -> str:
    """A day within the year that an absence may last."""
    return f"{wall() + timedelta(days=30):%Y-%m-%d}"


def test_somebody_is_away_with_a_deputy_and_back(typed: Typed) -> None:
    assert "Nobody is away" in typed("people", "absent").err
    said = typed("people", "away", "ana", "--until", soon(), "--deputy", "bo")
    assert (said.code, "bo may decide in their place" in said.err) == (0, True)
    assert "ana\t" in typed("people", "absent").out
    assert "\tbo\t" in typed("people", "absent").out
    assert typed("people", "back", "ana").code == 0
    again = typed("people", "back", "ana")
    assert (again.code, again.err) == (1, "✗ ana is not away.\n")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("mallory", "--until", LATER), "not in the directory"),
        (("ana", "--until", LATER), "within a year"),
        (("ana", "--until", "2001-01-01"), "in the future"),
    ],
)
def test_an_absence_that_cannot_be_is_refused_and_says_why(
    typed: Typed, words: tuple[str, ...], why: str
) -> None:
    said = typed("people", "away", *words)
    assert said.code == 1
    assert why in said.err


def test_a_deputy_who_could_not_stand_in_is_refused(typed: Typed) -> None:
    said = typed("people", "away", "ana", "--until", soon(), "--deputy", "ed")
    assert said.code == 1
    assert "names ed as no deputy of ana" in said.err


def test_linked_accounts_are_listed_and_untied(typed: Typed, install: Path) -> None:
    assert "Nobody has linked an account" in typed("people", "accounts").err
    asyncio.run(_link())
    assert f"slack\t{ACCOUNT}\tana\t" in typed("people", "accounts").out
    assert typed("people", "unlink", "slack", ACCOUNT).code == 0
    again = typed("people", "unlink", "slack", ACCOUNT)
    assert (again.code, "edited there" in again.err) == (1, True)


def test_revoking_a_person_unties_their_accounts_too(typed: Typed, install: Path) -> None:
    asyncio.run(_link())
    said = typed("people", "revoke", "ana")
    assert (said.code, "1 linked account untied" in said.err) == (0, True)
    assert "Nobody has linked an account" in typed("people", "accounts").err
    assert asyncio.run(_untied()) == ["unlink"]


async def _untied() -> list[str]:
    async with parts(read()) as built:
        bodies = [json.loads(sealed.body) for sealed in await built.store.entries(0, 1000)]
    commands = [(body["facts"].get("command"), body["by"]["kind"]) for body in bodies]
    return [command for command, by in commands if by == "operator" and command == "unlink"]


async def _link() -> None:
    account = Actor(ActorKind.PERSON, "", Surface.SLACK, ACCOUNT, Proof.SIGNATURE)
    browser = Actor(ActorKind.PERSON, "ana", Surface.WEB, "b", Proof.SESSION)
    async with parts(read()) as made:
        token = await made.linking.begin("slack", ACCOUNT, "new", account)
        await made.linking.opened(token, "b")
        code = await made.linking.confirm(token, "b", PersonName("ana"), browser)
        await made.linking.finish("slack", ACCOUNT, code, account)
