"""What agents and executors have alike: a name, and keys that come and go."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import datetime

from bot.cli.call import Call, operator
from bot.core.terms import Key, KeyKind, Registry

OVERLAP = "the one before it works for another day"


async def revoke(call: Call, kind: KeyKind) -> int:
    """Lock a principal out: none of its keys opens anything from now on."""
    async with call.parts() as parts:
        count = await parts.admin.revoke_all(kind, call.args.name, operator())
    call.terminal.good(f"{call.args.name} is locked out: {count} key{'s' if count > 1 else ''} revoked.")
    return 0


def keys_in_force(registry: Registry, kind: KeyKind, name: str, now: datetime) -> list[Key]:
    """Return the keys with which a principal gets in right now."""
    own = [key for key in registry.keys.values() if key.kind is kind and key.name == name]
    return [k for k in own if k.revoked_at is None and (k.expires_at is None or now < k.expires_at)]


def named(parser: ArgumentParser) -> None:
    """Take the name of one that is registered."""
    parser.add_argument("name", metavar="NAME", help="as it was registered")
