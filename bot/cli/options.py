"""The settings as a table: for the terminal with their values, for docs/settings.md with their defaults."""

from __future__ import annotations

from pydantic import SecretStr

from bot.settings import PREFIX, Settings

HEAD = """\
# Settings

Assent reads them from the environment, then from `.env` in the folder where it starts. An unknown
`ASSENT_*` name stops the start, so that a misspelt one cannot be silently without effect.
`python -m bot settings` shows the values in force, secrets hidden; `python -m bot doctor` tries them.

This page is written by `python -m bot settings --markdown`; a test holds it against `bot/settings.py`.

| setting | default | what it is |
|---|---|---|
"""


def markdown() -> str:
    """Return docs/settings.md."""
    return HEAD + "".join(
        f"| `{PREFIX}{name.upper()}` | {_default(field.default)} | {field.description} |\n"
        for name, field in Settings.model_fields.items()
    )


def rows_of(settings: Settings) -> list[tuple[str, str, str]]:
    """Return each setting with its value in force; secrets hidden."""
    return [
        (f"{PREFIX}{name.upper()}", _shown(getattr(settings, name)), field.description or "")
        for name, field in Settings.model_fields.items()
    ]


def _default(value: object) -> str:
    return "" if value in (None, "") else f"`{_shown(value)}`"


def _shown(value: object) -> str:
    match value:
        case None | "":
            return "-"
        case SecretStr():
            return "(hidden)"
        case bool():
            return str(value).lower()
        case str() if "@" in value:
            return _without_password(value)
        case _:
            return str(value)


def _without_password(url: str) -> str:
    """Return a database URL as it may be shown."""
    scheme, _, rest = url.partition("://")
    credentials, at, place = rest.rpartition("@")
    name, colon, _ = credentials.partition(":")
    return f"{scheme}://{name}{':…' if colon else ''}{at}{place}"
