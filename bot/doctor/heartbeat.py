"""Does somebody elsewhere hear that we are alive?"""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import ClientError

from bot.doctor.finding import Finding, bad, good
from bot.settings import Settings
from handlers.executor import egress


async def check_heartbeat(settings: Settings) -> AsyncIterator[Finding]:
    """Ping the outside heartbeat once, as the server does each minute."""
    if settings.heartbeat_url is None:
        return
    gate = egress.inward if settings.egress_allow_private else egress.outward
    url = settings.heartbeat_url.get_secret_value()
    todo = "Check ASSENT_HEARTBEAT_URL; an address inside also needs ASSENT_EGRESS_ALLOW_PRIVATE=true."
    try:
        async with egress.session(gate) as outward, outward.get(url, allow_redirects=False) as answer:
            if answer.status < 300:
                yield good("The heartbeat is heard.")
            else:
                yield bad(f"The heartbeat is answered with {answer.status}.", todo)
    except (TimeoutError, ClientError, OSError) as fault:
        yield bad(f"The heartbeat is not heard: {type(fault).__name__}.", todo)
