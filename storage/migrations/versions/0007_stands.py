"""Identical requests share a card, and what would crowd a place is rounded up: whose message shows whom."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.columns import Instant, Line

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply. Cards that stand already are their requests' own."""
    op.create_table(
        "stands",
        sa.Column("request_id", Line, primary_key=True, nullable=False),
        sa.Column("address", Line, primary_key=True, nullable=False),
        sa.Column("form", Line, nullable=False),
        sa.Column("leader", Line, nullable=False),
        sa.Column("stamp", Line, nullable=False),
        sa.Column("at", Instant, nullable=False),
    )
    op.create_index("stands_by_form", "stands", ["address", "form", "at"])
    op.create_index("stands_by_leader", "stands", ["leader", "address"])
