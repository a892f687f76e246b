"""The first tables."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from storage.columns import Instant, Line, Whole

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

EMPTY_TREE = b"\0" * 8  # bot.core.log.Tree.empty().to_bytes()
APPEND_ONLY = ("entries", "checkpoints")


def upgrade() -> None:
    """Apply."""
    _requests()
    _log()
    _outbox()
    _registry()
    _doors()
    if op.get_bind().dialect.name == "postgresql":
        _triggers_on_postgresql()
    else:
        _triggers_on_sqlite()


def _line(name: str, **more: Any) -> sa.Column[str]:
    return sa.Column(name, Line, **({"nullable": False} | more))


def _whole(name: str, **more: Any) -> sa.Column[int]:
    return sa.Column(name, Whole, **({"nullable": False} | more))


def _instant(name: str, **more: Any) -> sa.Column[Any]:
    return sa.Column(name, Instant, **({"nullable": False} | more))


def _blob(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary, nullable=False)


def _requests() -> None:
    op.create_table(
        "requests",
        _line("id", primary_key=True),
        _whole("version"),
        _line("state"),
        _line("agent"),
        _instant("created_at"),
        _instant("due_at", nullable=True),
        _instant("expires_at"),
        _line("digest"),
        _line("grant_id"),
        _line("idempotency_key", nullable=True),
        _line("body_digest", nullable=True),
        _blob("document"),
        sa.UniqueConstraint("agent", "idempotency_key"),
        sa.UniqueConstraint("grant_id"),
    )
    is_due = sa.text("due_at IS NOT NULL")
    op.create_index("requests_due", "requests", ["due_at"], sqlite_where=is_due, postgresql_where=is_due)
    op.create_index("requests_by_agent", "requests", ["agent", "state", "created_at", "id"])
    op.create_index("requests_by_state", "requests", ["state", "created_at", "id"])
    op.create_table(
        "reviews",
        _line("request_id", primary_key=True),
        _whole("position", primary_key=True),
        _line("person", index=True),
        _line("verdict"),
        _line("stage", nullable=True),
        _instant("at"),
    )
    op.create_table(
        "waits",
        _line("request_id", primary_key=True),
        _line("reference", primary_key=True),
        _instant("expires_at"),
    )
    op.create_index("waits_soonest", "waits", ["reference", "expires_at", "request_id"])


def _log() -> None:
    op.create_table(
        "entries",
        _whole("sequence", primary_key=True, autoincrement=False),
        _line("kind"),
        _instant("at"),
        _line("request_id", nullable=True, index=True),
        _blob("body"),
        _blob("leaf"),
    )
    op.create_table(
        "private",
        _whole("sequence", primary_key=True, autoincrement=False),
        _line("field", primary_key=True),
        _blob("salt"),
        _blob("value"),
        _line("person", nullable=True, index=True),
    )
    head = op.create_table(
        "log_head",
        _whole("id", primary_key=True, autoincrement=False),
        _whole("size"),
        _blob("frontier"),
    )
    op.bulk_insert(head, [{"id": 1, "size": 0, "frontier": EMPTY_TREE}])
    op.create_table(
        "checkpoints",
        _whole("size", primary_key=True, autoincrement=False),
        _blob("root"),
        _line("note"),
        _instant("at"),
    )


def _outbox() -> None:
    op.create_table(
        "outbox",
        _whole("id", primary_key=True),
        _line("kind"),
        _line("address"),
        _line("event"),
        _whole("rank"),
        _line("request_id", nullable=True, index=True),
        _whole("callback_id", nullable=True),
        _instant("due_at", index=True),
        _instant("first_due_at"),
        _whole("attempts"),
        _line("token", nullable=True),
        _line("problem"),
        sqlite_autoincrement=True,
    )
    op.create_index("outbox_by_address", "outbox", ["address", "rank", "due_at", "id"])
    op.create_table(
        "letters",
        _whole("id", primary_key=True, autoincrement=False),
        _line("kind"),
        _line("address"),
        _line("event"),
        _line("request_id", nullable=True),
        _whole("callback_id", nullable=True),
        _whole("attempts"),
        _line("problem"),
        _instant("at", index=True),
    )
    op.create_table(
        "callbacks",
        _whole("id", primary_key=True, autoincrement=False),
        _line("executor"),
        _whole("sequence"),
        _line("kind"),
        _line("request_id", index=True),
        _instant("at"),
        sa.UniqueConstraint("executor", "sequence"),
    )
    op.create_table(
        "posted",
        _line("request_id", primary_key=True),
        _line("address", primary_key=True),
        _line("place"),
        _line("message"),
        _whole("version"),
    )


def _registry() -> None:
    op.create_table("counters", _line("name", primary_key=True), _whole("value"))
    op.create_table(
        "uses",
        _whole("id", primary_key=True),
        _line("rule"),
        _line("bucket"),
        _instant("at"),
    )
    op.create_index("uses_by_bucket", "uses", ["bucket", "at"])
    head = op.create_table(
        "registry_head", _whole("id", primary_key=True, autoincrement=False), _whole("version")
    )
    op.bulk_insert(head, [{"id": 1, "version": 0}])
    op.create_table("agents", _line("name", primary_key=True), _blob("document"))
    op.create_table("executors", _line("name", primary_key=True), _blob("document"))
    op.create_table("keys", _line("id", primary_key=True), _line("hash", unique=True), _blob("document"))
    op.create_table("freezes", _line("pattern", primary_key=True), _blob("document"))


def _doors() -> None:
    op.create_table(
        "sessions",
        _line("hash", primary_key=True),
        _line("person"),
        _instant("created_at"),
        _instant("expires_at", index=True),
        _line("csrf"),
    )
    op.create_table("links", _line("hash", primary_key=True), _line("person"), _instant("expires_at"))


def _triggers_on_sqlite() -> None:
    for table in APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_refuse_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def _triggers_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    for table in APPEND_ONLY:
        for verb in ("UPDATE", "DELETE", "TRUNCATE"):
            op.execute(
                f"CREATE TRIGGER {table}_refuse_{verb.lower()} BEFORE {verb} ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
            )
