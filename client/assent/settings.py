"""ASSENT_URL and ASSENT_KEY, where they are not given in other ways."""

from __future__ import annotations

import os

from assent.refusals import Misused

URL, KEY = "ASSENT_URL", "ASSENT_KEY"


def url() -> str:
    """Return where Assent is; raises `Misused`."""
    return _required(URL, "the address of your Assent, like https://assent.example.com")


def key() -> str:
    """Return the agent's key; raises `Misused`."""
    return _required(KEY, "the agent's key; `python -m bot agents add` shows it once")


def _required(name: str, meaning: str) -> str:
    found = os.environ.get(name, "")
    if not found:
        raise Misused(f"{name} is not set. It is {meaning}.")
    return found
