"""Results of tools: what a program reads, and the same as text for a model."""

from __future__ import annotations

import orjson

from bot.core.terms import Json


def told(value: dict[str, Json]) -> dict[str, Json]:
    """Return a result with structure."""
    return {**said(orjson.dumps(value).decode()), "structuredContent": value}


def said(text: str) -> dict[str, Json]:
    """Return a result of one block of text."""
    return {"content": [{"type": "text", "text": text}], "isError": False}


def refused(text: str) -> dict[str, Json]:
    """Return a result that is an error."""
    return {**said(text), "isError": True}
