"""An upgrade while agents ask and people decide: migrate first, then exchange one server after another."""

from __future__ import annotations

import asyncio
from pathlib import Path

from storage.schema import migrate, newest
from storage.tables import METADATA
from tests.faults.harness import Hammer, Site, a_site, hammered
from tests.fixtures.tables import execute
from tests.stories.test_faults_kill import assert_nothing_is_lost_or_doubled

# The newest migration undone, so that it is made while servers run that were started before it.
BACK = ("DROP TABLE stalls", "UPDATE alembic_version SET version_num = '0008'")
# What a migration of tomorrow may do to any table (tests/storage/test_migrations.py), said of all of them.
TOMORROW = (
    "ALTER TABLE {0} ADD COLUMN next_words text",
    "ALTER TABLE {0} ADD COLUMN next_count bigint NOT NULL DEFAULT 0",
    "CREATE INDEX {0}_next ON {0} (next_count)",
)


async def exchange_one_and_end(site: Site, hammer: Hammer) -> None:
    """Put a new server in the place of one; the other was started before the migration, and serves on."""
    before = len(hammer.known.redeemed)
    await site.replicas[0].kill()
    await site.replicas[0].start()
    async with asyncio.timeout(30):
        while len(hammer.known.redeemed) < before + 10:  # noqa: ASYNC110  # through both of them
            await asyncio.sleep(0.05)


async def assert_all_is_well(site: Site, hammer: Hammer) -> None:
    for replica in site.replicas:
        await replica.kill()
    await assert_nothing_is_lost_or_doubled(site, hammer)


async def test_a_migration_while_others_serve_costs_nobody_an_answer(
    postgres_url: str, tmp_path: Path
) -> None:
    (tmp_path / "site").mkdir()
    async with a_site(postgres_url, tmp_path / "site", 2) as site:
        async with hammered(site) as hammer:
            for _ in range(3):
                await asyncio.sleep(0.5)
                await execute(postgres_url, *BACK)
                assert await migrate(postgres_url) == [newest()]
            assert hammer.unclear == 0
            await exchange_one_and_end(site, hammer)
        await assert_all_is_well(site, hammer)


async def test_servers_that_know_nothing_of_the_next_version_s_columns_serve_on(
    postgres_url: str, tmp_path: Path
) -> None:
    (tmp_path / "site").mkdir()
    async with a_site(postgres_url, tmp_path / "site", 2) as site:
        async with hammered(site) as hammer:
            await asyncio.sleep(0.5)
            for name in METADATA.tables:
                await execute(postgres_url, *(statement.format(name) for statement in TOMORROW))
            await asyncio.sleep(0.5)
            assert hammer.unclear == 0
            await exchange_one_and_end(site, hammer)
        await assert_all_is_well(site, hammer)
