"""Is the database reachable, up to date and durable, and what does its clock say?"""

from __future__ import annotations

from collections.abc import AsyncIterator

from bot.clock import SKEW_ALARM, DatabaseClock
from bot.core.errors import NotReady
from bot.doctor.finding import Finding, bad, good, warn
from bot.ids import RandomIds
from bot.settings import Settings
from storage.durability import durability
from storage.faults import FAULTS
from storage.schema import pending_migrations
from storage.store import open_store


async def check_database(settings: Settings) -> AsyncIterator[Finding]:
    """Connect, look at the migrations, at how it writes, and at its clock."""
    url = settings.database_url
    try:
        pending = await pending_migrations(url)
        how, safe = await durability(url)
    except (NotReady, ValueError, OSError) as problem:
        yield bad(
            f"The database does not open: {_words(problem)}", "Check ASSENT_DATABASE_URL and that it runs."
        )
        return
    yield (
        good(f"The database answers: {how}.")
        if safe
        else bad(
            f"The database may forget what it acknowledged: {how}.",
            "Turn synchronous_commit, fsync and full_page_writes on: decisions must survive a power cut.",
        )
    )
    if pending:
        count = f"{len(pending)} migration{'s' if len(pending) > 1 else ''}"
        yield _migrations(url, count)
        return
    yield good("Its tables are those of this version.")
    yield await _clock(url)


def _words(problem: BaseException) -> str:
    """Return why it does not open: in the system's or the driver's own words where they were the first."""
    began = problem.__cause__
    if not isinstance(began, FAULTS):
        return str(problem)
    while began.__cause__ is not None:
        began = began.__cause__
    said = str(began).strip().partition("\n")[0].rstrip(".")
    return f"{said or type(began).__name__}."


def _migrations(url: str, count: str) -> Finding:
    if url.startswith("sqlite"):
        return good(f"{count} will be applied at the next start.")
    return bad(f"{count} must be applied.", "Run: python -m bot migrate")


async def _clock(url: str) -> Finding:
    store, clock = await open_store(url, salt=RandomIds().salt), DatabaseClock()
    try:
        skew = await clock.follow(store.now)
    finally:
        await store.close()
    if abs(skew) > SKEW_ALARM:
        seconds = skew.total_seconds()
        where = "ahead of" if seconds > 0 else "behind"
        return warn(
            f"This host's clock is {abs(seconds):.1f} s {where} the database's.",
            "Run NTP on both. Deadlines follow the database's clock and stay right.",
        )
    return good("This host's clock agrees with the database's.")
