"""agents, executors: who may ask, and who may run."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import datetime

from bot.cli.call import Call, operator
from bot.cli.claude import KEY, claude_settings
from bot.cli.parser import Chapter, Command
from bot.core.terms import Agent, AgentName, Executor, Key, KeyKind, PersonName, Registry

OVERLAP = "the one before it works for another day"


async def add_agent(call: Call) -> int:
    """Register an agent; its key is the last line of the output."""
    args = call.args
    acts_for = [PersonName(name) for name in args.acts_for]
    async with call.parts() as parts:
        secret = await parts.admin.add_agent(
            args.name, PersonName(args.owner), acts_for, args.executor or args.claude_code, operator()
        )
        public_url = parts.public_url
    call.terminal.good(f"Agent {args.name} is registered, owned by {args.owner}.")
    if args.claude_code:
        call.terminal.say(f"For ~/.claude/settings.json, with the key in the environment as {KEY}:", "dim")
        call.terminal.result(claude_settings(public_url))
    call.terminal.say("Its key, shown this once:", "dim")
    call.terminal.result(secret)
    return 0


async def make_provisioner(call: Call) -> int:
    """Give a token with which a program makes instances of an agent; it is the last line of the output."""
    async with call.parts() as parts:
        secret = await parts.provisioning.token(call.args.name, operator())
    call.terminal.good(
        f"Whoever holds this token makes instances of {call.args.name} (POST /api/aap/v1/instances)."
    )
    call.terminal.result(secret)
    return 0


async def list_agents(call: Call) -> int:
    """Show every agent."""
    async with call.parts() as parts:
        registry, now = await parts.store.registry(), parts.clock.now()
    rows = [_agent_row(agent, registry, now) for _, agent in sorted(registry.agents.items())]
    titles = ("AGENT", "OWNER", "ACTS FOR", "STATE", "KEYS", "REGISTERED")
    call.terminal.table(titles, rows, "No agent yet: agents add NAME --owner PERSON.")
    return 0


async def own(call: Call) -> int:
    """Give an agent another owner."""
    name, owner = call.args.name, PersonName(call.args.owner)
    async with call.parts() as parts:
        await parts.admin.own(name, owner, operator())
        acts_for = (await parts.store.registry()).agents[AgentName(name)].acts_for
    call.terminal.good(f"{name} belongs to {owner}, who reviews nothing that it asks for.")
    call.terminal.say(f"It acts for: {', '.join(sorted(acts_for))}.", "dim")
    return 0


async def pause(call: Call) -> int:
    """Stop an agent from asking."""
    async with call.parts() as parts:
        await parts.admin.pause(call.args.name, operator())
    call.terminal.good(f"{call.args.name} is paused: it can ask for nothing until `agents resume`.")
    return 0


async def resume(call: Call) -> int:
    """Let a paused agent ask again."""
    async with call.parts() as parts:
        await parts.admin.resume(call.args.name, operator())
    call.terminal.good(f"{call.args.name} may ask again.")
    return 0


async def revoke_agent(call: Call) -> int:
    """Revoke every key of an agent."""
    return await _revoke(call, KeyKind.AGENT)


async def rotate_agent(call: Call) -> int:
    """Give an agent a new key."""
    async with call.parts() as parts:
        secret = await parts.admin.rotate(KeyKind.AGENT, call.args.name, operator())
    call.terminal.good(f"{call.args.name} has a new key; {OVERLAP}.")
    call.terminal.result(secret)
    return 0


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
    return await _revoke(call, KeyKind.EXECUTOR)


async def _revoke(call: Call, kind: KeyKind) -> int:
    async with call.parts() as parts:
        count = await parts.admin.revoke_all(kind, call.args.name, operator())
    call.terminal.good(f"{call.args.name} is locked out: {count} key{'s' if count > 1 else ''} revoked.")
    return 0


def keys_in_force(registry: Registry, kind: KeyKind, name: str, now: datetime) -> list[Key]:
    """Return the keys with which a principal gets in right now."""
    own = [key for key in registry.keys.values() if key.kind is kind and key.name == name]
    return [k for k in own if k.revoked_at is None and (k.expires_at is None or now < k.expires_at)]


def day(at: datetime) -> str:
    """Write an instant for a table."""
    return f"{at:%Y-%m-%d %H:%M}Z"


def _agent_row(agent: Agent, registry: Registry, now: datetime) -> tuple[str, ...]:
    keys = len(keys_in_force(registry, KeyKind.AGENT, agent.name, now))
    state = "paused" if agent.paused_at else "active" if keys else "locked out"
    acts_for = ", ".join(sorted(agent.acts_for))
    return agent.name, agent.owner, acts_for, state, str(keys), day(agent.created_at)


def _executor_row(executor: Executor, registry: Registry, now: datetime) -> tuple[str, ...]:
    keys = len(keys_in_force(registry, KeyKind.EXECUTOR, executor.name, now))
    state = "disabled" if executor.disabled_at else "active"
    return executor.name, executor.url or "(asks)", state, str(keys), day(executor.created_at)


def _name(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="as it was registered")


def _agent_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="letters, digits, `.`, `_` and `-`")
    parser.add_argument(
        "--owner", metavar="PERSON", required=True, help="who answers for it; never reviews it"
    )
    parser.add_argument(
        "--acts-for",
        metavar="PERSON",
        action="append",
        default=[],
        help="whom it may name in on_behalf_of; repeat for several (default: its owner)",
    )
    parser.add_argument("--executor", action="store_true", help="it also runs what it asks for")
    parser.add_argument(
        "--claude-code", action="store_true", help="it is Claude Code: show its settings; implies --executor"
    )


def _own_arguments(parser: ArgumentParser) -> None:
    _name(parser)
    parser.add_argument("--owner", metavar="PERSON", required=True, help="who answers for it from now on")


def _executor_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="as the policy's catalog calls it")
    parser.add_argument("--url", metavar="URL", help="where it is called back; without one it asks itself")


CHAPTER = Chapter(
    "Who may ask, and who may run",
    (
        Command(
            "agents add",
            "register an agent; its key is the last line",
            add_agent,
            (
                "agents add deployer --owner ana",
                "agents add helper --owner ana --acts-for ana --acts-for bo",
                "agents add worker --owner ana --executor",
                "agents add claude --owner ana --claude-code",
            ),
            _agent_arguments,
        ),
        Command(
            "agents provisioner",
            "give a token that makes instances of an agent",
            make_provisioner,
            ("agents provisioner worker",),
            _name,
        ),
        Command("agents list", "show every agent", list_agents, ("agents list",)),
        Command(
            "agents own",
            "give an agent another owner",
            own,
            ("agents own deployer --owner bo",),
            _own_arguments,
        ),
        Command("agents pause", "stop an agent from asking", pause, ("agents pause deployer",), _name),
        Command("agents resume", "let a paused agent ask again", resume, ("agents resume deployer",), _name),
        Command("agents rotate", "give an agent a new key", rotate_agent, ("agents rotate deployer",), _name),
        Command("agents revoke", "lock an agent out", revoke_agent, ("agents revoke deployer",), _name),
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
            _name,
        ),
        Command(
            "executors revoke",
            "lock an executor out",
            revoke_executor,
            ("executors revoke db-runner",),
            _name,
        ),
    ),
)
