"""Slack's errors become those that delivering knows: `Later`, `Shut`, `Never`, `Unsure`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.ports import Later, Missing, Never, Shut, Unsure

SOON = timedelta(seconds=5)  # when Slack names no time itself
WHILE_SHUT = timedelta(minutes=1)  # between two looks whether it takes our token again
RETRY_AFTER_MAX = timedelta(hours=1)  # a longer Retry-After is asked about again after this

RATE = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
# "Some aspect of the operation may have succeeded before the error was raised", says every method's page.
UNCLEAR = frozenset({"", "fatal_error", "internal_error", "request_timeout", "service_unavailable"})
# Nothing that is tried with this token will work, wherever it is tried.
SHUT = frozenset({"token_revoked", "token_expired", "invalid_auth", "not_authed", "account_inactive"})
ADVICE = {
    "not_in_channel": "the bot is not in that channel; invite it with /invite",
    "channel_not_found": "there is no such channel that the bot can see",
    "is_archived": "the channel is archived",
    "token_revoked": "the bot token was revoked; install the app again",
    "token_expired": "the bot token has expired; install the app again",
    "invalid_auth": "Slack does not know the bot token",
    "not_authed": "there is no bot token",
    "account_inactive": "the app was removed from the workspace",
    "missing_scope": "the app lacks a scope of manifest.yml; install it again",
    "message_not_found": "the card is not there any more",
    "thread_not_found": "the card is not there any more, and its line had nowhere to stand",
    "user_not_found": "Slack does not know that person",
    "cant_update_message": "the card was posted by another app or bot; only that one can change it",
    "edit_window_closed": "the workspace forbids changing messages of that age",
    "is_inactive": "the card can no longer be changed",
}
# A 200 whose body is no JSON object makes the SDK ask a string for `.get`: AttributeError.
NO_ANSWER = (aiohttp.ClientError, OSError, SlackClientError, AttributeError, LookupError, ValueError)


class Slower(Later):
    """Slack refused the call for being one too many; it did nothing."""


@contextmanager
def repeatable() -> Iterator[None]:
    """Turn the troubles of a call that does no harm when made twice into `Later` or `Never`."""
    try:
        yield
    except SlackApiError as error:
        raise _answered(error) or Later(SOON, _sentence(_code(error))) from error
    except NO_ANSWER as error:
        raise Later(SOON, f"Slack did not answer: {type(error).__name__}") from error


@contextmanager
def unrepeatable() -> Iterator[None]:
    """Turn the troubles of a call that must not act twice into `Later`, `Never` or `Unsure`."""
    try:
        yield
    except SlackApiError as error:
        raise _answered(error) or Unsure(_sentence(_code(error))) from error
    except aiohttp.ClientConnectorError as error:
        raise Later(SOON, "Slack cannot be reached") from error  # nothing was sent
    except NO_ANSWER as error:
        raise Unsure(f"Slack did not answer: {type(error).__name__}") from error


def _answered(error: SlackApiError) -> Later | Never | None:
    """Return what a clear answer means; None when nobody knows whether Slack acted."""
    status, headers, code = _status(error), error.response.headers, _code(error)
    if status == 429 or code in RATE:
        return Slower(_retry_after(headers), "Slack wants us to slow down")
    if status >= 500 or code in UNCLEAR:
        return None
    if code in SHUT:
        return Shut(WHILE_SHUT, _sentence(code))
    return (Missing if code == "message_not_found" else Never)(_sentence(code))


def _status(error: SlackApiError) -> int:
    response = error.response  # aiohttp's own response when the body was no JSON
    return int(response.status_code if isinstance(response, AsyncSlackResponse) else response.status)


def _code(error: SlackApiError) -> str:
    data = error.response.data if isinstance(error.response, AsyncSlackResponse) else None
    return str(data.get("error", "")) if isinstance(data, dict) else ""


def _sentence(code: str) -> str:
    return f"Slack: {ADVICE.get(code, code or 'no clear answer')}"


def _retry_after(headers: Mapping[str, str]) -> timedelta:
    named = {name.lower(): value for name, value in headers.items()}.get("retry-after", "")
    if not named.isascii() or not named.isdigit() or len(named) > 9:
        return SOON
    return min(max(timedelta(seconds=int(named)), timedelta(seconds=1)), RETRY_AFTER_MAX)
