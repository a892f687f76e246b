"""What only the whole can tell: the log, its checkpoints, registered executors and agents without owner."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

from bot.app import NotMigrated, Parts, parts
from bot.core.errors import Refusal
from bot.core.log import LogBroken
from bot.core.policy import PolicyBroken
from bot.core.terms import AgentName, Executor, PersonName
from bot.doctor.finding import Finding, bad, good, off, warn
from bot.keys import is_made
from bot.settings import Settings
from handlers.executor.egress import is_closed, is_inside


async def check_running(settings: Settings) -> AsyncIterator[Finding]:
    """Open it as the server does, and look at the log and the executors."""
    yield _writable(settings.checkpoints)
    if not is_made(settings.keys):
        return  # a fresh install has no log and nobody registered
    try:
        async with parts(settings) as opened:
            yield await _log(opened)
            async for finding in _executors(opened):
                yield finding
            for name, owner in await _orphans(opened):
                yield bad(
                    f"{owner}, who owns {name}, is not in the directory: nobody can review what {name} asks.",
                    f"Run: python -m bot agents own {name} --owner PERSON",
                )
    except (NotMigrated, PolicyBroken, Refusal, ValueError, OSError):
        return  # the checks before this one have said it


def _writable(folder: Path) -> Finding:
    there = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return good(f"Checkpoints can be written to {folder}.")
    return bad(f"Checkpoints cannot be written to {folder}.", f"Let this account write in {there}.")


async def _log(opened: Parts) -> Finding:
    try:
        held = await opened.auditing.verify()
    except LogBroken as broken:
        todo = "No grant is issued until it is looked at: compare with a backup, and with other checkpoints."
        return bad(f"The audit log is broken: {broken}", todo)
    return good(f"The audit log holds: {held.size} entries against {held.checkpoints} checkpoints.")


async def _orphans(opened: Parts) -> list[tuple[AgentName, PersonName]]:
    people = opened.policies.current().directory.people
    agents = (await opened.store.registry()).agents.values()
    return sorted((agent.name, agent.owner) for agent in agents if agent.owner not in people)


async def _executors(opened: Parts) -> AsyncIterator[Finding]:
    registered = (await opened.store.registry()).executors
    catalog = opened.policies.current().bundle.actions.values()
    wanted = {action.executor for action in catalog if action.executor is not None}
    for name in sorted(wanted - registered.keys()):
        yield warn(
            f"The policy's executor {name} is not registered: what it should run would lapse.",
            f"Run: python -m bot executors add {name} --url URL",
        )
    private = opened.settings.egress_allow_private
    for _, executor in sorted(registered.items()):
        yield await _executor(executor, private)


async def _executor(executor: Executor, private: bool) -> Finding:
    name = executor.name
    if executor.disabled_at is not None:
        return warn(
            f"{name} is disabled: its address answered 410.", f"Run: python -m bot executors rotate {name}"
        )
    if executor.url is None:
        return off(f"{name} has no address; it asks for its executions itself.")
    host = urlsplit(executor.url)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host.hostname or "", host.port or 443)
    except (OSError, UnicodeError, ValueError) as error:
        return bad(
            f"{name}: {executor.url} does not resolve ({error}).", "Callbacks to it become dead letters."
        )
    addresses = sorted({str(place[4][0]) for place in found})
    if closed := [one for one in addresses if is_closed(one)]:
        return bad(
            f"{name}: {executor.url} leads to {', '.join(closed)}, link-local or a cloud's metadata service.",
            "Callbacks there are refused, and no setting opens them: register another address.",
        )
    if (inside := [one for one in addresses if is_inside(one)]) and not private:
        return bad(
            f"{name}: {executor.url} leads inside ({', '.join(inside)}); callbacks are refused.",
            "Register a public address, or set ASSENT_EGRESS_ALLOW_PRIVATE=true where executors live inside.",
        )
    return await _reachable(
        executor, host.hostname or "", host.port or (443 if host.scheme == "https" else 80)
    )


async def _reachable(executor: Executor, host: str, port: int) -> Finding:
    try:
        async with asyncio.timeout(5):
            _, writer = await asyncio.open_connection(host, port, family=socket.AF_UNSPEC)
    except (OSError, TimeoutError) as error:
        return warn(
            f"{executor.name}: nothing listens at {executor.url} ({type(error).__name__}).",
            "Callbacks are retried for as long as the grant lives; start it.",
        )
    writer.close()
    return good(f"{executor.name} is reachable at {executor.url}.")
