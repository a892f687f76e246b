"""Templates become HTML or JSON; the only module that knows Jinja.

Whatever a template prints is inert: HTML is escaped, and in a JSON template every `{{ value }}` becomes one
JSON value, quotes and all, so `{"text": {{ card.title }}}` is right and cannot be broken out of.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from jinja2 import Environment, Template
    from markupsafe import Markup

UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


class Renderer:
    """Renders the templates of one folder; each is compiled once."""

    def __init__(self, templates: Path) -> None:
        self.folder = templates
        self._template = cache(self._load)

    def html(self, name: str, **values: object) -> str:
        """Return a page or a part of one."""
        return self._template(name, True).render(values)

    def json(self, name: str, **values: object) -> Any:
        """Return what a JSON template says, as lists and dicts."""
        return orjson.loads(self._template(name, False).render(values))

    @cached_property
    def _html(self) -> Environment:
        return _environment(self.folder)

    @cached_property
    def _json(self) -> Environment:
        environment = _environment(self.folder)
        environment.finalize = as_json
        return environment

    def _load(self, name: str, html: bool) -> Template:
        return (self._html if html else self._json).get_template(name)


def _environment(templates: Path) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # the first page can wait for it

    environment = Environment(
        loader=FileSystemLoader(templates),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        cache_size=-1,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "json": as_json,
        "instant": instant,
        "iso": iso,
        "clock": clock,
        "day": day,
        "epoch": epoch,
        "duration": duration,
    }
    return environment


def as_json(value: object) -> Markup:
    """Return a value as JSON; what is JSON already (a macro's result) stays as it is."""
    from markupsafe import Markup

    # Nothing here is trusted: JSON's own quoting is what makes it inert.
    return value if isinstance(value, Markup) else Markup(orjson.dumps(value).decode())  # noqa: S704


def instant(at: datetime) -> str:
    """Return `2026-10-05 12:05:00 UTC`."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def iso(at: datetime) -> str:
    """Return RFC 3339 with `Z`, for machines."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def clock(at: datetime) -> str:
    """Return `12:05`."""
    return f"{at.astimezone(UTC):%H:%M}"


def day(at: datetime) -> str:
    """Return `Monday 5 October 2026`."""
    return f"{at.astimezone(UTC):%A} {at.astimezone(UTC).day} {at.astimezone(UTC):%B %Y}"


def epoch(at: datetime) -> int:
    """Return whole seconds since 1970."""
    return int(at.timestamp())


def duration(length: timedelta) -> str:
    """Return the two largest units: `1 h 30 min`, `45 s`; nothing left is `0 s`."""
    left = max(int(length.total_seconds()), 0)
    parts = []
    for seconds, unit in UNITS:
        count, left = divmod(left, seconds)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
