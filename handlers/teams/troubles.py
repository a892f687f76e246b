"""The connector's errors become those that delivering knows: `Later`, `Shut`, `Never`, `Unsure`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import httpx

from bot.ports import Later, Missing, Never, Shut, Unsure

SOON = timedelta(seconds=5)  # when Teams names no time itself
WHILE_SHUT = timedelta(minutes=1)
RETRY_AFTER_MAX = timedelta(hours=1)  # a longer Retry-After is asked about again after this

# https://learn.microsoft.com/microsoftteams/platform/bots/how-to/rate-limit#handle-http-429-responses: these
# are to be tried again, and nothing was done.
AGAIN = (412, 502, 504)
ADVICE = {
    "BotNotInConversationRoster": "the app is not installed there any more; add it there again",
    "BotDisabledByAdmin": "an admin of the tenant has blocked the app",
    "ConversationBlockedByUser": "the person has blocked the app",
    "ConversationNotFound": "that conversation does not exist any more",
    "MessageSizeTooBig": "the card is too large",
    "NotEnoughPermissions": "the app may not write there",
    "ForbiddenOperationException": "the app is not installed for that person",
}


class Slower(Later):
    """Teams refused the call for being one too many; it did nothing."""


class Stale(Never):
    """The reference does not lead there any more."""


@contextmanager
def repeatable() -> Iterator[None]:
    """Turn the troubles of a call that does no harm when made twice into `Later` or `Never`."""
    try:
        yield
    except httpx.HTTPStatusError as error:
        raise _answered(error.response) or Later(SOON, _sentence(error.response)) from error
    except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
        raise Later(SOON, f"Teams did not answer: {type(error).__name__}") from error


@contextmanager
def unrepeatable() -> Iterator[None]:
    """Turn the troubles of a call that must not act twice into `Later`, `Never` or `Unsure`."""
    try:
        yield
    except httpx.HTTPStatusError as error:
        raise _answered(error.response) or Unsure(_sentence(error.response)) from error
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise Later(SOON, "Teams cannot be reached") from error  # nothing was sent
    except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
        raise Unsure(f"Teams did not answer: {type(error).__name__}") from error


def _answered(answer: httpx.Response) -> Later | Never | None:
    """Return what a clear answer means; None when nobody knows whether Teams acted."""
    status, sentence = answer.status_code, _sentence(answer)
    if status == 429:
        return Slower(_retry_after(answer.headers.get("retry-after", "")), "Teams wants us to slow down")
    if status in AGAIN:
        return Later(SOON, sentence)
    if status >= 500:
        return None
    if status == 401:
        return Shut(WHILE_SHUT, "Teams: the connector does not take our token; check the app's id and secret")
    if status == 404 and code(answer) != "ConversationNotFound":
        return Missing("Teams: the card is not there any more")
    return (Stale if status in (403, 404) else Never)(sentence)


def code(answer: httpx.Response) -> str:
    """Return the connector's name for what is wrong: `{"error": {"code": …}}`."""
    try:
        said = answer.json()
    except ValueError:
        return ""
    error = said.get("error") if isinstance(said, dict) else None
    return str(error.get("code", "")) if isinstance(error, dict) else ""


def _sentence(answer: httpx.Response) -> str:
    named = code(answer)
    return f"Teams: {ADVICE.get(named) or named or f'it answered {answer.status_code}'}"


def _retry_after(named: str) -> timedelta:
    if not named.isascii() or not named.isdigit() or len(named) > 9:
        return SOON
    return min(max(timedelta(seconds=int(named)), timedelta(seconds=1)), RETRY_AFTER_MAX)
