"""JSON Schema of policy files, for editors; made of the declarations that parse them."""

from __future__ import annotations

from bot.core.policy.caseshapes import TEST
from bot.core.policy.grammar import BUNDLE, DIRECTORY
from bot.core.terms import Json

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Json]:
    """Return the schema of a bundle's files; `$defs` holds those of directory.yaml and of test files."""
    return {
        "$schema": DRAFT,
        "title": "Assent policy bundle",
        **BUNDLE.schema(),
        "$defs": {"directory": DIRECTORY.schema(), "tests": TEST.schema()},
    }
