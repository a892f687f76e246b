"""`python -m bot demo`: the whole thing at work, with no account anywhere; nothing in it is pretended."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
from aiohttp import ClientError

from bot import logs
from bot.app import Parts, built
from bot.app.server import listening
from bot.core.action import code
from bot.core.log import LogBroken
from bot.core.terms import Request, State
from bot.demo.asking import ask_everything
from bot.demo.cast import Cast, executor_running, register
from bot.demo.ground import Ground, lay
from bot.demo.guide import Guide
from bot.demo.watching import LOOK_EVERY, Watcher

SHOWN = 100  # requests in the table at the end


async def run(port: int, seconds: float | None) -> int:
    """Play until Ctrl-C, or for so many seconds; return the exit code."""
    guide, ground = Guide(), lay(port)
    with ground.log("server").open("w", encoding="utf-8") as log:
        logs.configure(log)
        async with _stopped(seconds) as stop, built(ground.settings, development=True) as running:
            cast = await register(running.parts, ground)
            async with listening(running), executor_running(ground, cast) as executor:
                people = running.parts.policies.current().directory.people
                guide.welcome(
                    ground,
                    cast,
                    [(person.title or name).partition(",")[0] for name, person in people.items()],
                )
                went_well = await _play(guide, ground, cast, running.parts, executor, stop)
            return await _end(guide, ground, running.parts) or (0 if went_well else 1)


async def _play(
    guide: Guide, ground: Ground, cast: Cast, parts: Parts, executor: Process, stop: asyncio.Event
) -> bool:
    """Let the agent ask and show what happens until it is over; say whether everybody lived to see it."""
    watcher = Watcher(parts.store, guide.happened)
    watching = asyncio.create_task(watcher.follow())
    asking = asyncio.create_task(_ask(guide, ground, cast))
    lost = asyncio.create_task(executor.wait())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((stopping, lost, watching), return_when=asyncio.FIRST_COMPLETED)
    if died := lost.done():
        guide.trouble(f"The executor ended by itself; {ground.log('executor')} says why.")
    for task in (asking, watching, lost, stopping):
        task.cancel()
    await asyncio.gather(asking, watching, lost, stopping, return_exceptions=True)
    await watcher.catch_up()
    return not died


async def _ask(guide: Guide, ground: Ground, cast: Cast) -> None:
    try:
        await ask_everything(ground.url, cast.agent_key)
    except ClientError as error:
        guide.trouble(f"The sample agent was refused: {error}")
    else:
        await asyncio.sleep(2 * LOOK_EVERY)  # the last decision is told before the rest
        guide.rest()


async def _end(guide: Guide, ground: Ground, parts: Parts) -> int:
    """Verify the log, say what happened, and leave a proof behind."""
    await parts.auditing.checkpoint()
    requests = await parts.store.recent(SHOWN, None)
    try:
        held = await parts.auditing.verify()
    except LogBroken as broken:
        guide.trouble(f"The audit log is broken: {broken}")
        return 1
    guide.farewell(requests, held, ground)
    about = next((one for one in requests if one.state is State.SUCCEEDED), None)
    if about is not None:
        file = await _proven(ground, parts, about)
        guide.proof(file, parts.keys.verifier_keys()[0], f"{about.plan.title} ({code(about.digest)})")
    return 0


async def _proven(ground: Ground, parts: Parts, request: Request) -> Path:
    file = ground.folder / "proof.json"
    bundle = await parts.auditing.prove(request.id, opened=True)
    await asyncio.to_thread(file.write_bytes, orjson.dumps(bundle, option=orjson.OPT_INDENT_2))
    return file


@asynccontextmanager
async def _stopped(seconds: float | None) -> AsyncIterator[asyncio.Event]:
    """Yield what is set by SIGINT, SIGTERM or the time being up."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    timer = loop.call_later(seconds, stop.set) if seconds is not None else None
    try:
        yield stop
    finally:
        if timer is not None:
            timer.cancel()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(ValueError):
                loop.remove_signal_handler(number)
