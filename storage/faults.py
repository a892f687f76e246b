"""Which errors of a database mean that it is out of reach, rather than that a statement was bad."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from bot.core.errors import NotReady

# https://www.postgresql.org/docs/current/errcodes-appendix.html
# connection, authorization, transaction rollback, no such database, resources, operator, system
SQLSTATE_CLASSES = ("08", "28", "3D", "40", "53", "57", "58")
SQLSTATES = ("25006", "55P03", "55006")  # read only (a failover), lock not available, object in use
# https://www.sqlite.org/rescode.html, the low byte
SQLITE_CODES = {
    5,
    6,
    7,
    8,
    9,
    10,
    11,
    13,
    14,
    15,
    22,
    23,
    26,
}  # busy … not a database; not 1 (bad SQL), 19, 20


class DriverFault(Exception):
    """PostgreSQL's driver itself said so, outside of SQLAlchemy; `sqlstate` where the server gave one."""

    def __init__(self, origin: Exception) -> None:
        super().__init__(str(origin))
        self.sqlstate = getattr(origin, "sqlstate", None)


FAULTS = (OSError, PoolTimeout, DBAPIError, DriverFault)

log = structlog.get_logger()


def is_unreachable(error: BaseException) -> bool:
    """Tell whether trying again later may help, because the fault is not in what was asked."""
    if isinstance(error, OSError | PoolTimeout):
        return True
    if not isinstance(error, FAULTS):
        return False
    origin: object = error
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return True
        origin = error.orig
    sqlstate = str(getattr(origin, "sqlstate", None) or "")
    if sqlstate:
        return sqlstate.startswith(SQLSTATE_CLASSES) or sqlstate in SQLSTATES
    return getattr(origin, "sqlite_errorcode", 1) & 0xFF in SQLITE_CODES


@contextmanager
def reaching() -> Iterator[None]:
    """Turn the database's absence into `NotReady`; other errors pass."""
    try:
        yield
    except FAULTS as error:
        if not is_unreachable(error):
            raise
        log.warning("store.unreachable", error=type(error).__name__)
        raise NotReady("The database does not answer; try again in a moment.") from error
