"""The metronome on real, small sleeps; the host's wall clock is ours to set."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from handlers.clock import Metronome
from handlers.clock.metronome import PAUSE

HOUR = timedelta(hours=1)
NEVER = timedelta(seconds=30)  # a safety net that no test waits for


class Host:
    """A host whose wall clock somebody sets; the database's clock and the monotonic one go on."""

    shift = timedelta(0)

    @classmethod
    def wall(cls) -> datetime:
        return datetime.now(UTC) + cls.shift


class WallClock(datetime):
    """What APScheduler reads, which knows no clock but the host's."""

    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]  # the scheduler always names UTC
        return Host.wall()


@pytest.fixture(autouse=True)
def _host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Host, "shift", timedelta(0))
    for module in ("schedulers.base", "schedulers.asyncio", "triggers.interval", "executors.base"):
        monkeypatch.setattr(f"apscheduler.{module}.datetime", WallClock, raising=False)


def _now() -> datetime:
    return datetime.now(UTC)


class Bench:
    """A metronome, what is due, and when it rang."""

    def __init__(self) -> None:
        self.due: list[datetime] = []
        self.rang: list[float] = []
        self.work: Callable[[], Awaitable[int]] = self.take

    async def take(self) -> int:
        self.rang.append(time.monotonic())
        before, self.due = self.due, [one for one in self.due if one > _now()]
        return len(before) - len(self.due)

    async def bell(self) -> int:
        return await self.work()

    async def soonest(self) -> datetime | None:
        return min(self.due, default=None)

    async def rings(self, times: int, within: float) -> float:
        """Return how many seconds it took until it had rung so often in all."""
        began = time.monotonic()
        async with asyncio.timeout(within):
            while len(self.rang) < times:  # noqa: ASYNC110
                await asyncio.sleep(0.002)
        return time.monotonic() - began


@asynccontextmanager
async def ringing(bench: Bench, net: timedelta = NEVER) -> AsyncIterator[Metronome]:
    metronome = Metronome(bench.bell, bench.soonest, _now, Host.wall, time.monotonic, net)
    work, bench.work = bench.work, bench.take
    metronome.start()
    await bench.rings(1, within=5)  # at the start
    await asyncio.sleep(0.01)
    bench.rang, bench.work = [], work
    try:
        yield metronome
    finally:
        await metronome.stop()


def _in(seconds: float) -> datetime:
    return _now() + timedelta(seconds=seconds)


async def test_it_rings_at_the_start_for_what_fell_due_meanwhile() -> None:
    bench = Bench()
    bench.due = [_in(-3600)]
    metronome = Metronome(bench.bell, bench.soonest, _now, Host.wall, time.monotonic, NEVER)
    metronome.start()
    await bench.rings(1, within=5)
    await metronome.stop()
    assert bench.due == []


async def test_it_rings_when_something_is_due_and_not_before() -> None:
    bench = Bench()
    async with ringing(bench) as metronome:
        bench.due = [_in(0.15)]
        metronome.earlier(bench.due[0])
        assert await bench.rings(1, within=5) > 0.14
        await asyncio.sleep(0.1)
    assert len(bench.rang) == 1


async def test_what_is_due_already_is_rung_for_at_once() -> None:
    bench = Bench()
    async with ringing(bench) as metronome:
        bench.due = [_in(-5)]
        metronome.earlier(bench.due[0])
        await bench.rings(1, within=5)


async def test_a_commit_that_brings_something_earlier_moves_the_ring() -> None:
    bench = Bench()
    async with ringing(bench) as metronome:
        bench.due = [_in(20)]
        metronome.earlier(bench.due[0])
        bench.due.append(_in(0.1))
        metronome.earlier(bench.due[1])
        await bench.rings(1, within=5)


async def test_a_commit_that_brings_something_later_moves_nothing() -> None:
    bench = Bench()
    async with ringing(bench) as metronome:
        bench.due = [_in(0.1), _in(20)]
        metronome.earlier(bench.due[0])
        metronome.earlier(bench.due[1])
        await bench.rings(1, within=5)


async def test_after_a_ring_it_looks_for_the_next_by_itself() -> None:
    bench = Bench()
    async with ringing(bench) as metronome:
        bench.due = [_in(0.05), _in(0.15), _in(0.25)]
        metronome.earlier(bench.due[0])
        await bench.rings(3, within=5)


async def test_the_safety_net_finds_what_no_commit_told_of() -> None:
    bench = Bench()
    async with ringing(bench, net=timedelta(seconds=0.1)):
        await bench.rings(2, within=5)


async def test_a_wall_clock_set_back_an_hour_does_not_silence_what_is_due() -> None:
    bench = Bench()
    async with ringing(bench, net=timedelta(seconds=0.1)) as metronome:
        bench.due = [_in(0.3)]
        metronome.earlier(bench.due[0])
        Host.shift = -HOUR
        async with asyncio.timeout(1):
            while bench.due:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        silent = metronome.silent_for()
    assert silent < timedelta(seconds=0.5)


async def test_a_wall_clock_set_back_an_hour_does_not_silence_the_other_bells() -> None:
    bench, bells = Bench(), list[float]()

    async def other() -> None:
        bells.append(time.monotonic())

    metronome = Metronome(bench.bell, bench.soonest, _now, Host.wall, time.monotonic, timedelta(seconds=0.1))
    metronome.every(timedelta(seconds=0.1), other, "other")
    metronome.start()
    await asyncio.sleep(0.25)
    Host.shift = -HOUR
    before = len(bells)
    await asyncio.sleep(0.5)
    await metronome.stop()
    assert before > 0
    assert len(bells) > before + 1


async def test_a_clock_set_back_while_the_work_is_under_way_is_noticed_too() -> None:
    bench, bells = Bench(), list[float]()

    async def other() -> None:
        bells.append(time.monotonic())

    async def slow() -> int:
        Host.shift = -HOUR
        await asyncio.sleep(0.15)
        return 0

    bench.work = slow
    metronome = Metronome(bench.bell, bench.soonest, _now, Host.wall, time.monotonic, timedelta(seconds=0.1))
    metronome.every(timedelta(seconds=0.1), other, "other")
    metronome.start()
    await asyncio.sleep(0.4)
    before = len(bells)
    await asyncio.sleep(0.4)
    await metronome.stop()
    assert len(bells) > before


async def test_a_failing_bell_goes_on_ringing() -> None:
    bench = Bench()

    async def broken() -> int:
        await bench.take()
        raise RuntimeError("the database is away")

    bench.work = broken
    async with ringing(bench, net=timedelta(seconds=0.05)):
        await bench.rings(3, within=5)


async def test_a_store_that_does_not_say_what_is_due_does_not_end_it() -> None:
    bench = Bench()

    async def blind() -> datetime | None:
        raise RuntimeError("the database is away")

    bench.soonest = blind  # type: ignore[method-assign]
    async with ringing(bench, net=timedelta(seconds=0.05)):
        await bench.rings(3, within=5)


async def test_what_stays_due_is_looked_at_again_after_a_pause_and_not_in_a_spin() -> None:
    bench = Bench()

    async def cannot() -> int:
        bench.rang.append(time.monotonic())  # somebody else holds the row: it stays due
        return 0

    bench.work = cannot
    async with ringing(bench) as metronome:
        bench.due = [_in(-1)]
        metronome.earlier(bench.due[0])
        await asyncio.sleep(0.6)
    assert 2 <= len(bench.rang) <= 8


async def test_much_that_is_due_is_done_share_by_share_without_a_pause_and_never_silent() -> None:
    bench, silences = Bench(), list[timedelta]()

    async def one() -> int:
        bench.rang.append(time.monotonic())
        await asyncio.sleep(0.005)
        silences.append(metronome.silent_for())
        bench.due.pop()
        return 1

    bench.work = one
    async with ringing(bench) as metronome:
        began = _now()
        bench.due = [_in(-1)] * 40
        metronome.earlier(bench.due[0])
        assert await bench.rings(40, within=2) < 40 * PAUSE.total_seconds() / 2
    assert max(silences[1:]) < PAUSE
    assert metronome.moved_at > began


async def test_while_something_stays_due_a_new_commit_is_rung_for_at_once() -> None:
    bench = Bench()

    async def cannot() -> int:
        bench.rang.append(time.monotonic())
        return 0

    bench.work = cannot
    async with ringing(bench) as metronome:
        bench.due = [_in(-1)]
        metronome.earlier(bench.due[0])
        await bench.rings(1, within=5)
        await asyncio.sleep(0.01)
        metronome.earlier(_in(0))
        assert await bench.rings(2, within=5) < PAUSE.total_seconds() / 2


async def test_it_says_how_long_the_work_has_not_come_to_its_end() -> None:
    bench = Bench()

    async def stuck() -> int:
        await asyncio.sleep(NEVER.total_seconds())
        return 0

    bench.work = stuck
    async with ringing(bench) as metronome:
        metronome.earlier(_in(0))
        await asyncio.sleep(0.2)
        assert metronome.silent_for() >= timedelta(seconds=0.2)


async def test_two_that_ring_for_the_same_rows_do_no_harm() -> None:
    bench = Bench()
    async with ringing(bench) as one, ringing(bench) as other:
        bench.due = [_in(0.1)]
        one.earlier(bench.due[0])
        other.earlier(bench.due[0])
        await bench.rings(2, within=5)
        assert bench.due == []
