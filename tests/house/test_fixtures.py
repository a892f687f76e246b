"""The ground the other tests stand on holds."""

import asyncio
import socket
import sqlite3
from pathlib import Path

import asyncpg
import pytest
from playwright.async_api import async_playwright

from tests.fixtures.postgres import Postgres
from tests.fixtures.sockets import NetworkIsClosed, _refused


async def test_every_test_has_a_database_of_its_own(postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    try:
        await connection.execute("CREATE TABLE only_mine (n int)")
        assert await connection.fetchval("SHOW fsync") in ("on", "off")
        assert await connection.fetchval("SHOW server_version_num") >= "180000"
    finally:
        await connection.close()


def test_the_next_one_finds_it_empty(postgres: Postgres, postgres_url: str) -> None:
    database = postgres_url.split("@/")[1].partition("?")[0]
    assert (
        postgres.run("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", database=database) == "0"
    )


def test_sqlite_is_a_file_that_is_not_there_yet(sqlite_url: str) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    assert path.is_absolute()
    assert not path.exists()
    sqlite3.connect(path).close()


def test_both_engines_come_through_one_fixture(database_url: str) -> None:
    assert database_url.startswith(("sqlite:////", "postgresql://"))


@pytest.mark.parametrize("address", ["93.184.215.14", "10.0.0.1", "example.com"])
async def test_the_network_is_closed(address: str) -> None:
    with pytest.raises(NetworkIsClosed):
        await asyncio.open_connection(address, 80)
    _refused.clear()


async def test_loopback_is_open(free_port: int) -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", free_port):
        for host in ("127.0.0.1", "localhost"):
            reader, writer = await asyncio.open_connection(host, free_port, family=socket.AF_INET)
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()


@pytest.mark.browser
async def test_a_real_browser_reads_a_page(chromium: str) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = await browser.new_page()
        await page.set_content("<main><button>Approve</button></main>")
        assert await page.get_by_role("button").inner_text() == "Approve"
        await browser.close()
