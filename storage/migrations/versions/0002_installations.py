"""Where a surface's app is installed, and leave to install it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.columns import Instant, Line

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "installations",
        sa.Column("place", Line, primary_key=True, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("at", Instant, nullable=False),
    )
    op.create_table(
        "leaves",
        sa.Column("hash", Line, primary_key=True, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
    )
