"""What to do about a refusal whose instance says no more than its class: the `detail` of its problem.

The class's sentence says what is so; here stands what helps. A refusal with a detail of its own keeps it.
"""

from __future__ import annotations

from bot.core import errors
from bot.core.errors import Refusal

_ASK_AGAIN = "If it is still to run, make a new request."
_OTHERS = "Somebody else among the approvers of the open stage must decide it."
_NO_MORE = "There is nothing to do; read the request to see how it stands."

ADVICE: dict[type[Refusal], str] = {
    Refusal: "Read the request again to see how it stands, and ask an admin if that does not help.",
    errors.Malformed: "Compare it with /openapi.json.",
    errors.TooLarge: "Send less: a body has at most 256 KiB.",
    errors.Unauthenticated: "Send a key that is in force as `Authorization: Bearer <key>`.",
    errors.Forbidden: "Use the credential of somebody who may; an admin can say who that is.",
    errors.NotAnApprover: _OTHERS,
    errors.OwnRequest: _OTHERS,
    errors.SideGone: "An admin can give the agent another owner; then let it make a new request.",
    errors.UnknownPerson: "Ask an admin to list this account in the directory.",
    errors.NoReviewsByMachines: "Let a person review it, as themselves.",
    errors.ActsForNobody: "Leave `on_behalf_of` out, or name somebody the agent is registered to act for.",
    errors.NotItsExecutor: "Let the executor that the catalog names run it.",
    errors.AgentPaused: "Wait until an admin lets it ask again.",
    errors.Unknown: "Check the address and whose key this is.",
    errors.Conflict: "Read the request again to see how it stands.",
    errors.AlreadyDecided: _NO_MORE,
    errors.TooLate: _ASK_AGAIN,
    errors.AlreadyReviewed: _NO_MORE,
    errors.OtherDigest: "Read the request again, and send the `digest` of what you then saw.",
    errors.ReasonMissing: "Send the review again with a `reason`.",
    errors.KeyReused: "Use a new Idempotency-Key for another request, or send the same body again.",
    errors.NotRedeemable: "Run nothing. Wait until the request is approved.",
    errors.AlreadyRedeemed: f"Run nothing: it ran, or is running. {_ASK_AGAIN}",
    errors.Lapsed: f"Run nothing. {_ASK_AGAIN}",
    errors.Revoked: "Run nothing. An admin took it back, and can say why.",
    errors.DigestMismatch: "Run nothing. Redeem exactly the action, resource and context that were approved.",
    errors.PolicyDenies: "Run nothing. The policy would have to change first.",
    errors.Frozen: "Run nothing. Wait until an admin lifts the freeze.",
    errors.NotReleased: "Redeem the grant first, run the action, and then report.",
    errors.AlreadyReported: "The first report stands; there is nothing to do.",
    errors.TooMany: "Wait as long as `Retry-After` says, and try again.",
    errors.NotReady: "Wait as long as `Retry-After` says, and try again; an operator sees why in /readyz.",
}


def advice(refusal: Refusal) -> str:
    """Return what is so and what to do: the refusal's own detail, or what its nearest class has here."""
    if refusal.detail != refusal.sentence():
        return refusal.detail
    # Many clients show a problem's detail alone: it is understood without the title.
    helps = next(ADVICE[kind] for kind in type(refusal).__mro__ if kind in ADVICE)
    return f"{refusal.sentence()} {helps}"
