"""What docs/shell.md, docs/executors.md and docs/receivers.md say, done as they say it."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from docs.vectors.__main__ import HERE
from tests.client.pages import Block, Reader, blocks_of, first
from tests.client.test_vectors import node_modules
from tests.client.world import ROOT, Answer, Assent, an_assent, until
from tests.doors.venvs import python_with

__all__ = ["node_modules"]
# Pretends that it is the vectors' time, and that the good callback carries the good grant.
TRY = """
const vectors = require("./vectors.json");
const Clock = Date;
globalThis.Date = class extends Clock {
  constructor(...given) { super(...(given.length ? given : [vectors.now * 1000])); }
  static now() { return vectors.now * 1000; }
};
const { Webhook } = require("standardwebhooks");
const { receive } = require("./verify.js");
const good = [];
let read;
for (const { name, headers, body, oracle } of vectors.vectors.filter((one) => one.oracle)) {
  try {
    new Webhook(vectors.secrets[0]).verify(body, Object.fromEntries(headers));
  } catch {
    let refused = false;
    try { receive(vectors.secrets[0], Object.fromEntries(headers), body); } catch { refused = true; }
    if (!refused) throw new Error(`took ${name}`);
    continue;
  }
  good.push(name);
  const told = JSON.parse(body);
  told.data.grant = vectors.grant;
  const whole = JSON.stringify(told);
  const [id, at] = headers.map((pair) => pair[1]);
  const mark = new Webhook(vectors.secrets[0]).sign(id, new Date(Number(at) * 1000), whole);
  read = receive(vectors.secrets[0], { ...Object.fromEntries(headers), "webhook-signature": mark }, whole);
}
console.log(JSON.stringify({ good, read }));
"""
# All that the client and its examples need; setuptools builds it, as pip would fetch it for that.
BESIDE = ("cryptography==50.0.2", "aiohttp==3.14.5", "uvicorn==0.54.0", "setuptools==84.2.1")
MIGRATION = {"action": {"name": "db.migrate", "parameters": {"env": "dev", "sql": "SELECT 42"}}}


@asynccontextmanager
async def _approving(server: Assent) -> AsyncIterator[None]:
    """Approve whatever comes."""

    async def approve() -> None:
        while True:
            await server.decide("approve")

    task = asyncio.create_task(approve())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def reader(
    request: pytest.FixtureRequest, sqlite_url: str, tmp_path: Path, free_port: int
) -> AsyncIterator[Reader]:
    """Someone with a page's policy and nothing else."""
    bundle, folder = first(request.param, "yaml"), tmp_path / "reader"
    folder.mkdir()
    async with an_assent(sqlite_url, tmp_path / "server", free_port, bundle, "somebody") as server:
        yield Reader(server, folder, python_with(*BESIDE))


@pytest.mark.parametrize("reader", ["shell.md"], indirect=True)
async def test_the_shells_page(reader: Reader) -> None:
    typed = [block for block in blocks_of("shell.md") if block.language == "sh"]
    async with _approving(reader.server):
        everything = "\n".join([await reader.type(block) for block in typed])
    assert 'namespace "x" deleted' in everything
    assert "✓ approved after" in everything
    assert '"event": "succeeded"' in everything
    assert "✗" not in everything


@pytest.mark.parametrize("reader", ["executors.md"], indirect=True)
async def test_the_executors_page(reader: Reader) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        reader.said["8401"] = str(probe.getsockname()[1])
    ways = 0
    async with _approving(reader.server):
        for block in blocks_of("executors.md"):
            if block.language == "python":
                reader.write(block)
            elif block.word == "background":
                await _runs(reader, block)
                ways += 1
            elif block.language == "sh":
                said = await reader.type(block)
                assert "flush.py" not in block.code or "flushed eu" in said
    assert ways == 3


async def _runs(reader: Reader, block: Block) -> None:
    """Start an executor, ask for a migration, and see it done."""
    async with reader.leave_running(block):
        if "polling" not in block.code:
            await until(lambda: _listens(int(reader.said["8401"])))
        server = reader.server
        asked: Answer = await server.call(server.key, "POST", "/v1/requests", MIGRATION)

        async def succeeded() -> bool:
            return bool((await server.seen(asked))["state"] == "succeeded")

        await until(succeeded)
        assert (await server.seen(asked))["outcome"]["note"] == "1 rows"


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_receivers_page_reads_every_good_callback_in_node(node_modules: Path, tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(node_modules / "node_modules")
    (tmp_path / "verify.js").write_text(first("receivers.md", "js"))
    callbacks = json.loads((HERE / "callbacks.json").read_text("utf-8"))
    grants = json.loads((HERE / "grants.json").read_text("utf-8"))
    (tmp_path / "vectors.json").write_text(json.dumps({**callbacks, "grant": grants["vectors"][0]["grant"]}))
    (tmp_path / "try.js").write_text(TRY)
    said = subprocess.run(["node", "try.js"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    good = [one["name"] for one in callbacks["vectors"] if one["oracle"] and one["holds"]]
    assert json.loads(said) == {
        "good": good,
        "read": {
            "id": "req_5f0c8a1e9d3b47c2a6e4f1b08d7c3a95",
            "jti": "b3c1d2e4f5a69788796a5b4c3d2e1f00",
            "digest": "9f2a61c0d3e84b7f5a1c0e9d8b7a6f5e4d3c2b1a09f8e7d6c5b4a3928170f6e5",
        },
    }


@pytest.mark.parametrize("page", ["shell.md", "executors.md", "receivers.md"])
def test_every_block_is_of_a_kind_that_is_tried_or_only_shown(page: str) -> None:
    assert {one.language for one in blocks_of(page)} <= {"sh", "yaml", "python", "js", "text", "json", "http"}
    text = (ROOT / "docs" / page).read_text("utf-8")
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (ROOT / "docs" / link).exists(), link
    assert text.count("```") == 2 * len(blocks_of(page))
