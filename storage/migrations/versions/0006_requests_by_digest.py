"""Requests are found by their short code, and identical ones by their digest."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_index("requests_by_digest", "requests", ["digest", "state"])
