"""The address where an executor is called back."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from bot.core.errors import Malformed


def callback_address(text: str) -> str:
    """Return an address that may be called; raises `Malformed`, whose words hold nothing of a password.

    1. It is an http or https URL with a host, and a port that is one. 2. It holds no blank and nothing that
    cannot be seen: parsers differ in what they drop. 3. It names nobody: lists and the audit log would show
    the password. 4. It has no fragment, which is never sent.
    """
    parts = _parts(text)
    if parts is None:  # 1
        raise Malformed(
            "A callback address is an http or https URL, such as https://runner.example.com/assent."
        )
    if not text.isprintable() or " " in text or "\\" in text:  # 2
        raise Malformed("A callback address holds no blank, no backslash and no invisible character.")
    if "@" in parts.netloc:  # 3
        raise Malformed(
            "A callback address holds no name or password: take away what stands before the @. "
            "Callbacks are signed; that is how their receiver knows us."
        )
    if "#" in text:  # 4
        raise Malformed("A callback address has no fragment: nothing after the # would ever be sent.")
    return text


def _parts(text: str) -> SplitResult | None:
    """Return the parts of an http or https URL with a host and a possible port, None for anything else."""
    try:
        parts = urlsplit(text)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if whole else None
