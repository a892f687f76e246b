"""Chats that a surface's app is in, and what was posted to a surface that cannot be searched."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.columns import Instant, Line

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "conversations",
        sa.Column("id", Line, primary_key=True, nullable=False),
        sa.Column("kind", Line, nullable=False),
        sa.Column("url", Line, nullable=False),
        sa.Column("account", Line, nullable=True, index=True),
        sa.Column("name", Line, nullable=True),
        sa.Column("at", Instant, nullable=False),
    )
    op.create_table(
        "postings",
        sa.Column("request_id", Line, primary_key=True, nullable=False),
        sa.Column("place", Line, primary_key=True, nullable=False),
        sa.Column("message", Line, nullable=True),
        sa.Column("at", Instant, nullable=False),
    )
