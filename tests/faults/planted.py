"""A fault planted for tests that must be able to fail: SQLite that does not wait for its disk."""

from __future__ import annotations

import os

from storage import sqlite

SYNCHRONOUS = "TEST_SYNCHRONOUS"  # FULL as in production, or what is to be shown to lose


def plant() -> None:
    """Have SQLite sync as the environment says."""
    wanted = os.environ.get(SYNCHRONOUS)
    if wanted is not None:
        said = [pragma for pragma in sqlite.WRITER if "synchronous" not in pragma]
        vars(sqlite)["WRITER"] = (*said, f"PRAGMA synchronous = {wanted}")
