"""executors: who may run."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import datetime

from bot.cli.call import Call, operator
from bot.cli.keys import OVERLAP, keys_in_force, named, revoke
from bot.cli.parser import Command
from bot.cli.terminal import day
from bot.core.terms import Executor, KeyKind, Registry


async def add_executor(call: Call) -> int:
    """Register an executor; its key is the last line, its webhook secret the line above."""
    name, url = call.args.name, call.args.url
    async with call.parts() as parts:
        webhook, secret = await parts.admin.add_executor(name, url, operator())
        ours = parts.keys.webhook_keys()
    told = f"is called at {url}" if url else "asks for its executions itself (GET /v1/executions)"
    call.terminal.good(f"Executor {name} is registered; it {told}.")
    call.terminal.say(f"Callbacks carry our own signature (v1a), too; it is checked with {ours[0]}", "dim")
    call.terminal.say("Its webhook secret, then its key, shown this once:", "dim")
    call.terminal.result(webhook)
    call.terminal.result(secret)
    return 0


async def list_executors(call: Call) -> int:
    """Show every executor."""
    async with call.parts() as parts:
        registry, now = await parts.store.registry(), parts.clock.now()
        ours = parts.keys.webhook_keys()
    rows = [_executor_row(one, registry, now) for _, one in sorted(registry.executors.items())]
    titles = ("EXECUTOR", "URL", "STATE", "KEYS", "REGISTERED")
    call.terminal.table(titles, rows, "No executor yet: executors add NAME --url URL.")
    call.terminal.say(f"Our public keys of callbacks, newest first (v1a): {' '.join(ours)}", "dim")
    return 0


async def rotate_executor(call: Call) -> int:
    """Give an executor a new webhook secret and a new key."""
    async with call.parts() as parts:
        secret = await parts.admin.rotate(KeyKind.EXECUTOR, call.args.name, operator())
        webhook = await parts.admin.rotate_webhook(call.args.name, operator())
    call.terminal.good(f"{call.args.name} has a new webhook secret and a new key; {OVERLAP}.")
    call.terminal.say("Callbacks are signed with the new secret and the old one until the next rotation.")
    call.terminal.result(webhook)
    call.terminal.result(secret)
    return 0


async def revoke_executor(call: Call) -> int:
    """Revoke every key of an executor."""
    return await revoke(call, KeyKind.EXECUTOR)


def _executor_row(executor: Executor, registry: Registry, now: datetime) -> tuple[str, ...]:
    keys = len(keys_in_force(registry, KeyKind.EXECUTOR, executor.name, now))
    state = "disabled" if executor.disabled_at else "active"
    return executor.name, executor.url or "(asks)", state, str(keys), day(executor.created_at)


def _executor_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="as the policy's catalog calls it")
    parser.add_argument("--url", metavar="URL", help="where it is called back; without one it asks itself")


COMMANDS = (
    Command(
        "executors add",
        "register an executor; webhook secret, then key",
        add_executor,
        ("executors add db-runner --url https://runner.example.com/assent", "executors add db-runner"),
        _executor_arguments,
    ),
    Command("executors list", "show every executor", list_executors, ("executors list",)),
    Command(
        "executors rotate",
        "give it a new webhook secret and key",
        rotate_executor,
        ("executors rotate db-runner",),
        named,
    ),
    Command(
        "executors revoke",
        "lock an executor out",
        revoke_executor,
        ("executors revoke db-runner",),
        named,
    ),
)
