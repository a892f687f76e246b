"""agents: who may ask."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import datetime

from bot.cli.call import Call, operator
from bot.cli.claude import KEY, claude_settings
from bot.cli.executors import COMMANDS as EXECUTORS
from bot.cli.keys import OVERLAP, keys_in_force, named, revoke
from bot.cli.parser import Chapter, Command
from bot.cli.terminal import day
from bot.core.terms import Agent, AgentName, KeyKind, PersonName, Registry


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
    return await revoke(call, KeyKind.AGENT)


async def rotate_agent(call: Call) -> int:
    """Give an agent a new key."""
    async with call.parts() as parts:
        secret = await parts.admin.rotate(KeyKind.AGENT, call.args.name, operator())
    call.terminal.good(f"{call.args.name} has a new key; {OVERLAP}.")
    call.terminal.result(secret)
    return 0


def _agent_row(agent: Agent, registry: Registry, now: datetime) -> tuple[str, ...]:
    keys = len(keys_in_force(registry, KeyKind.AGENT, agent.name, now))
    state = "paused" if agent.paused_at else "active" if keys else "locked out"
    acts_for = ", ".join(sorted(agent.acts_for))
    return agent.name, agent.owner, acts_for, state, str(keys), day(agent.created_at)


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
    named(parser)
    parser.add_argument("--owner", metavar="PERSON", required=True, help="who answers for it from now on")


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
            named,
        ),
        Command("agents list", "show every agent", list_agents, ("agents list",)),
        Command(
            "agents own",
            "give an agent another owner",
            own,
            ("agents own deployer --owner bo",),
            _own_arguments,
        ),
        Command("agents pause", "stop an agent from asking", pause, ("agents pause deployer",), named),
        Command("agents resume", "let a paused agent ask again", resume, ("agents resume deployer",), named),
        Command("agents rotate", "give an agent a new key", rotate_agent, ("agents rotate deployer",), named),
        Command("agents revoke", "lock an agent out", revoke_agent, ("agents revoke deployer",), named),
        *EXECUTORS,
    ),
)
