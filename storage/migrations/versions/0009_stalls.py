"""Requests whose deadline could not be passed are set aside, and counted while they are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.columns import Instant, Line

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "stalls",
        sa.Column("request_id", Line, primary_key=True, nullable=False),
        sa.Column("until_at", Instant, nullable=False),
        sa.Column("at", Instant, nullable=False),
    )
