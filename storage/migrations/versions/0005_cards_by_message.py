"""Cards are found by the message that they are, for reactions."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_index("posted_by_place", "posted", ["place", "message"])
