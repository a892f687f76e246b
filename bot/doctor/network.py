"""Our own address: is it sane, and is the port free?"""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from bot.doctor.finding import Finding, bad, good, warn
from bot.settings import Settings


async def check_public(settings: Settings) -> AsyncIterator[Finding]:
    """Look at the public address."""
    yield _public(settings)


async def check_port(settings: Settings) -> AsyncIterator[Finding]:
    """Try the port."""
    yield _port(settings)


def _public(settings: Settings) -> Finding:
    url = settings.public_url
    if not url:
        what = f"No ASSENT_PUBLIC_URL: links say {settings.address()}."
        if is_loopback(settings.host):
            return warn(what, "Fine for trying it here; set it to how people reach it.")
        return bad(what, "Set ASSENT_PUBLIC_URL to the https address under which people reach it.")
    parts = urlsplit(url)
    if parts.scheme == "https" or is_loopback(parts.hostname or ""):
        return good(f"Links say {url}.")
    return bad(
        f"{url} is not https: sign-in cookies and keys would travel readable.", "Put TLS in front of it."
    )


def _port(settings: Settings) -> Finding:
    place = f"{settings.host}:{settings.port}"
    try:
        with socket.create_server((settings.host, settings.port)):
            return good(f"{place} is free to listen on.")
    except OSError as error:
        todo = "Fine if that is Assent itself; else set ASSENT_PORT."
        why = os.strerror(error.errno) if error.errno else str(error)
        return warn(f"{place} cannot be listened on: {why}.", todo)


def is_loopback(host: str) -> bool:
    """Say whether only this machine reaches that host."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
