"""Every way Assent says no.

    Refusal                     a "no" with a reason; the docstring is the sentence people read
    ├── Malformed               the bytes or values are not what the door takes        400
    ├── Unauthenticated         no credential, or one that is not in force             401
    ├── Forbidden               known, but not allowed                                 403
    │   ├── NotYours … NotAnApprover, OwnRequest, SideGone, UnknownPerson, NoReviewsByMachines
    │   ├── ActsForNobody, NotItsExecutor, ForeignButton
    │   └── NotAHolder, OwnGlass
    ├── Unknown                 not there, or not for your eyes                        404
    ├── Conflict                true a moment ago, or of another request               409
    │   ├── AlreadyDecided, TooLate, AlreadyReviewed, OtherDigest, ReasonMissing
    │   ├── EnoughSaid, EnoughLent, AlreadyAsked, EnoughAsked, AlreadyAnswered, AlreadyLooking, NotByReaction
    │   ├── KeyReused, NotRedeemable, AlreadyRedeemed, Lapsed, Revoked
    │   ├── DigestMismatch, PolicyDenies, Frozen, SomebodyDenied, NotBroken
    │   └── NotReleased, AlreadyReported, NotDue (the clock came early; never shown)
    ├── TooMany                 over a cap or a rate                                   429
    └── NotReady … Unreadable   we cannot decide safely right now                      503
    Stale                       another writer won the row: load and step again (never shown)

The first line of a docstring is the title; an instance may carry a `detail` that says what to do,
`pointers` into the body (RFC 6901), and `retry_after`.
"""

from __future__ import annotations

from datetime import timedelta


class Stale(Exception):
    """Another change won; load the request and step once more."""


class Refusal(Exception):
    """The request was refused."""

    def __init__(
        self,
        detail: str = "",
        *,
        pointers: tuple[tuple[str, str], ...] = (),
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(detail or self.sentence())
        self.detail = detail or self.sentence()
        self.pointers = pointers
        self.retry_after = retry_after
        self.on_record = False  # whether it has an audit entry of its own already
        self.about: dict[str, str] = {}  # `action` and its `digest`, where the call was read that far

    @classmethod
    def sentence(cls) -> str:
        """Return the words people read: the first line of the class's docstring."""
        return (cls.__doc__ or cls.__name__).strip().splitlines()[0]

    @classmethod
    def slug(cls) -> str:
        """Return the stable end of the problem's `type`: `AlreadyRedeemed` → `already-redeemed`."""
        return "".join(f"-{c.lower()}" if c.isupper() else c for c in cls.__name__).lstrip("-")


class Malformed(Refusal):
    """The request is not what this door takes."""


class TooLarge(Malformed):
    """The request is larger than this door takes."""


class Unauthenticated(Refusal):
    """A valid credential is needed here."""


class Forbidden(Refusal):
    """This credential may not do that."""


class NotAnApprover(Forbidden):
    """Only approvers of the open stage may approve or deny this request."""


class NotADeputy(Forbidden):
    """That person cannot stand in for you on this request."""


class OwnRequest(Forbidden):
    """Nobody may review a request they made, that was made for them, or that their agent made."""


class SideGone(Forbidden):
    """Nobody may review for somebody who is in the directory no more, or there under another name."""


class UnknownPerson(Forbidden):
    """This account belongs to nobody in the directory, so it cannot review."""


class ForeignButton(Forbidden):
    """Nothing was done: this button is not ours, or does not stand where we put it."""


class NoReviewsByMachines(Forbidden):
    """Bots, apps, workflows and agents cannot review."""


class ActsForNobody(Forbidden):
    """The agent is not registered to act for that person."""


class NotItsExecutor(Forbidden):
    """This agent is not the executor of that action, so it may not run it."""


class AgentPaused(Forbidden):
    """This agent is paused by an admin."""


class NotAHolder(Forbidden):
    """Only who holds the break-glass role may break glass."""


class OwnGlass(Forbidden):
    """Nobody reviews the glass that they broke."""


class NotAnAdmin(Forbidden):
    """Only an admin may do that."""


class NotAnAuditor(Forbidden):
    """Only an auditor or an admin may do that."""


class Unknown(Refusal):
    """There is nothing here that you may see."""


class Conflict(Refusal):
    """That no longer fits how things stand."""


class AlreadyDecided(Conflict):
    """This request is already decided."""


class TooLate(Conflict):
    """The deadline of this request has passed."""


class AlreadyReviewed(Conflict):
    """You have already reviewed this request; one person counts once."""


class OtherDigest(Conflict):
    """You reviewed another action than the one this request holds; open it again."""


class ReasonMissing(Conflict):
    """This policy wants a reason with that verdict."""


class AlreadyAsked(Conflict):
    """You have asked exactly that already."""


class EnoughAsked(Conflict):
    """So many questions were asked about this request that no more are taken; comment, or decide."""


class AlreadyAnswered(Conflict):
    """This question is already answered; an answer stands as it was given."""


class AlreadyLooking(Conflict):
    """You have said once that you are looking; it holds reminders once a person and stage."""


class NotByReaction(Conflict):
    """A reaction does not count here; use the buttons of the card."""


class MustReadAll(Conflict):
    """This card cannot show everything that would run; open the full page to approve."""


class EnoughSaid(Conflict):
    """This request has as many comments as it takes; say it where you talk to each other."""


class EnoughLent(Conflict):
    """You have asked others to decide this request in your place often enough; decide it yourself."""


class AlreadyLinked(Conflict):
    """This account already belongs to somebody."""


class KeyReused(Conflict):
    """This idempotency key was used with another body."""


class NotRedeemable(Conflict):
    """This request holds no grant that can be redeemed."""


class AlreadyRedeemed(Conflict):
    """This grant was already redeemed; it runs one action once."""


class Lapsed(Conflict):
    """This grant was not redeemed in time."""


class Revoked(Conflict):
    """This grant was revoked."""


class DigestMismatch(Conflict):
    """The action to run is not the action that was approved."""


class PolicyDenies(Conflict):
    """The policy in force now denies this action."""


class Frozen(Conflict):
    """Actions like this one are frozen by an admin."""


class SomebodyDenied(Conflict):
    """Somebody has denied this request; glass is not broken over a denial."""


class NotBroken(Conflict):
    """No glass was broken on this request."""


class NotReleased(Conflict):
    """Only a redeemed action has an outcome to report."""


class AlreadyReported(Conflict):
    """The outcome of this action was already reported."""


class NotDue(Conflict):
    """Nothing is due for this request yet."""


class TooMany(Refusal):
    """Too many calls by this caller; wait and try again."""


class NotReady(Refusal):
    """Assent cannot decide this safely right now; nothing was changed."""


class Unreadable(NotReady):
    """This request is not written as this version of Assent reads it; nothing is decided about it here."""


class DirectoryStale(NotReady):
    """The directory or policy has not loaded for too long; nothing is decided or loosened until it does."""


class LogCut(NotReady):
    """The audit log does not match its last signed checkpoint; no grants are issued until an admin looks."""
