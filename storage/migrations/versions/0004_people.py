"""What people say of themselves: absences, quiet hours, linked accounts and those on their way there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.columns import Instant, Line, Whole

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    for name in ("absences", "quiet_hours"):
        op.create_table(
            name,
            sa.Column("person", Line, primary_key=True, nullable=False),
            sa.Column("document", sa.LargeBinary, nullable=False),
        )
    op.create_table(
        "accounts",
        sa.Column("surface", Line, primary_key=True, nullable=False),
        sa.Column("account", Line, primary_key=True, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "pairings",
        sa.Column("hash", Line, primary_key=True, nullable=False),
        sa.Column("surface", Line, nullable=False),
        sa.Column("account", Line, nullable=False),
        sa.Column("shown", Line, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("browser", Line, nullable=True),
        sa.Column("person", Line, nullable=True),
        sa.Column("code", Line, nullable=True),
        sa.Column("tries", Whole, nullable=False),
        sa.UniqueConstraint("surface", "account"),
    )
