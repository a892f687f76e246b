"""Alerts that wait are found among all that is to be sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    alerts = sa.text("kind = 'alert'")
    op.create_index("outbox_alerts", "outbox", ["event"], sqlite_where=alerts, postgresql_where=alerts)
