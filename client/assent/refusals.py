"""Every way it does not go on.

AssentError
├── Refused          Assent said no to a call; `slug` is the stable end of the problem's type
├── Unreachable      no answer from Assent in time
├── Misused          an address, a key or an argument of ours that cannot be right
├── BadCallback      these bytes are no callback of Assent's
├── BadGrant         this token is no grant for this executor, now
└── NotApproved      nobody may run it; `request` is how it ended
    ├── Denied, Expired, Cancelled
    └── Withdrawn    it was approved, but lapsed or was revoked, or has run already
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assent.terms import Request


class AssentError(Exception):
    """Something kept the action from running."""


class Refused(AssentError):
    """Assent refused a call."""

    def __init__(self, status: int, slug: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.slug = slug
        self.detail = detail


class Unreachable(AssentError):
    """Assent did not answer."""


class Misused(AssentError):
    """An address, a key or an argument cannot be right."""


class BadCallback(AssentError):
    """This is not a callback that Assent signed for us, lately."""


class BadGrant(AssentError):
    """This token is no grant for this executor, now."""


class NotApproved(AssentError):
    """The request ended without leave to run."""

    def __init__(self, request: Request) -> None:
        reason = request.reason
        super().__init__(f"{request.state}: {reason}" if reason else request.state)
        self.request = request


class Denied(NotApproved):
    """People or the policy said no."""


class Expired(NotApproved):
    """Nobody decided in time."""


class Cancelled(NotApproved):
    """The request was withdrawn before it was decided."""


class Withdrawn(NotApproved):
    """It was approved, but the approval is used up or no longer in force."""
