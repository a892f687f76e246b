"""The doctor reads every on-call calendar and says whom it names."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bot.clock import wall
from bot.doctor.policies import check_policy
from tests.fixtures.policy import BUNDLE, write_policy
from tests.handlers.oncall.calendars import calendar, shift
from tests.world import settings_at

NIGHT = BUNDLE.replace("groups:\n", "groups:\n  night: {oncall: rota.ics, fallback: dba}\n", 1)


async def found(folder: Path) -> list[str]:
    settings = settings_at("sqlite:///unused.db", folder, folder / "policy")
    return [f"{one.what} {one.todo}".strip() for one in [found async for found in check_policy(settings)]]


@pytest.mark.parametrize(
    ("who", "said"),
    [
        ("ana@example.com", "On call for night: ana."),
        ("eve@elsewhere.example", "Nobody of the directory is on call for night. It names eve@elsewhere"),
        (None, "Nobody of the directory is on call for night. It names nobody now; dba reviews."),
    ],
)
async def test_it_says_whom_a_calendar_names_now(tmp_path: Path, who: str | None, said: str) -> None:
    folder = write_policy(tmp_path / "policy", NIGHT)
    begins, ends = (f"{wall() + timedelta(days=days):%Y%m%dT%H%M%SZ}" for days in (-1, 1))
    (folder / "rota.ics").write_bytes(calendar(shift(who, begins, ends)) if who else calendar())
    assert any(line.startswith(said) for line in await found(tmp_path))


async def test_it_says_why_a_calendar_does_not_answer_and_who_reviews_meanwhile(tmp_path: Path) -> None:
    write_policy(tmp_path / "policy", NIGHT)
    [line] = [line for line in await found(tmp_path) if "calendar of night" in line]
    assert "No such file" in line
    assert "dba reviews" in line
