"""The outside heartbeat: somebody elsewhere hears from us each minute that all is well, and else nothing.

What watches itself cannot report that it has stopped; whoever waits for this ping can.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from aiohttp import ClientError, ClientSession
from pydantic import SecretStr

from handlers.api.health import Check, problems

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Pings `url` through `outward`, the session behind the egress gate, while every check is well."""

    url: SecretStr
    checks: Mapping[str, Check]
    outward: ClientSession

    async def beat(self) -> None:
        """Ping once, unless something is wrong: then silence is the alarm, and the log says why."""
        wrong = sorted(name for name, problem in (await problems(self.checks)).items() if problem is not None)
        if wrong:
            log.warning("heartbeat.withheld", checks=wrong)
            return
        try:
            # The address holds a secret with most services that take such pings: it is never logged.
            async with self.outward.get(self.url.get_secret_value(), allow_redirects=False) as answer:
                if answer.status >= 300:
                    log.warning("heartbeat.refused", status=answer.status)
        except (TimeoutError, ClientError, OSError) as fault:
            log.warning("heartbeat.unheard", error=type(fault).__name__)
