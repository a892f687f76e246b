"""Exit codes. `run` ends with the command's own, and with these where the command did not run."""

from __future__ import annotations

from assent.refusals import (
    AssentError,
    BadCallback,
    BadGrant,
    Cancelled,
    Denied,
    Expired,
    Misused,
    Unreachable,
)

GOOD = 0
NOT_PROVEN = 1  # `verify`: it does not hold
USAGE = 2  # a command line or a setting that cannot be right
UNREACHABLE = 69  # Assent does not answer (EX_UNAVAILABLE)
EXPIRED = 75  # nobody decided in time; asking again may help (EX_TEMPFAIL)
DENIED = 77  # people or the policy said no (EX_NOPERM)
REFUSED = 78  # Assent refused the call, or the approval is no longer in force
CANCELLED = 79  # the request was withdrawn, by Ctrl-C or otherwise
NOT_STARTED = 126  # the command cannot be executed, as in a shell
NOT_FOUND = 127  # there is no such command, as in a shell
SIGNALLED = 128  # plus the signal that ended the command, as in a shell

_CODES: dict[type[AssentError], int] = {
    Misused: USAGE,
    Unreachable: UNREACHABLE,
    Expired: EXPIRED,
    Denied: DENIED,
    Cancelled: CANCELLED,
    BadCallback: NOT_PROVEN,
    BadGrant: NOT_PROVEN,
}


def code_of(error: AssentError) -> int:
    """Return the exit code of what kept it from running."""
    return _CODES.get(type(error), REFUSED)
