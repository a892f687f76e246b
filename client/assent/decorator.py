"""`@approved("db.migrate")`: a function that asks people before it runs, with exactly what they approved.

Each call is one request: it asks, waits, redeems, runs the function once with the parameters of the
receipt, and reports. What ends the wait early (Ctrl-C, a cancelled task) withdraws the request.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, TypeVar, cast

from assent import settings
from assent.agent import Agent, new_key
from assent.aside import aside
from assent.refusals import AssentError, Misused
from assent.terms import Ask, Receipt

Function = TypeVar("Function", bound=Callable[..., Any])
NAMELESS = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL)

log = logging.getLogger("assent")


def approved(
    action: str,
    *,
    agent: Agent | None = None,
    resource: tuple[str, str] | None = None,
    on_behalf_of: str | None = None,
    justification: str | None = None,
    approve_within: timedelta | None = None,
) -> Callable[[Function], Function]:
    """Make a function wait for approval of `action`, its arguments being the parameters.

    The agent must be registered as its own executor. Without `agent`, ASSENT_URL and ASSENT_KEY say which.
    A call raises `Denied`, `Expired`, `Cancelled`, `Withdrawn`, `Refused`, `Unreachable`, and nothing ran.
    """

    template = Ask(
        action=action,
        resource=resource,
        on_behalf_of=on_behalf_of,
        justification=justification,
        approve_within=approve_within,
    )

    def decorate(function: Function) -> Function:
        signature = inspect.signature(function)
        if any(parameter.kind in NAMELESS for parameter in signature.parameters.values()):
            raise Misused(f"{function.__name__} has parameters without names, which nobody could approve.")

        def call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Call:
            ask = replace(template, parameters=_named(signature, args, kwargs))
            return _Call(agent or Agent(settings.url(), settings.key()), ask)

        return cast(Function, _waiting(function, call))

    return decorate


def _waiting(
    function: Callable[..., Any], call: Callable[[tuple[Any, ...], dict[str, Any]], _Call]
) -> Callable[..., Any]:
    """Return the function behind its approval, plain or async as it is itself."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        one = call(args, kwargs)
        receipt = one.leave()
        with one.outcome(receipt):
            return function(**receipt.parameters)

    @functools.wraps(function)
    async def run_async(*args: Any, **kwargs: Any) -> Any:
        one = call(args, kwargs)
        receipt = await one.leave_async()
        async with one.outcome(receipt):
            return await function(**receipt.parameters)

    return run_async if inspect.iscoroutinefunction(function) else run


@dataclass(frozen=True)
class _Call:
    """One call of a function: one request."""

    agent: Agent
    ask: Ask
    key: str = field(default_factory=new_key)
    gone: threading.Event = field(default_factory=threading.Event)

    def leave(self) -> Receipt:
        """Ask, wait and redeem."""
        try:
            request = self.agent.wait(self.agent.request(self.ask, key=self.key))
            receipt = self.agent.redeem(request, self.ask)
        except AssentError:
            raise
        except BaseException:  # Ctrl-C, mostly
            self._take_back()
            raise
        if self.gone.is_set():  # nobody is there any more to run it
            self._report(receipt, False, "not run: the caller had gone")
        return receipt

    async def leave_async(self) -> Receipt:
        """Ask, wait and redeem, beside the event loop."""
        try:
            return await aside(self.leave)
        except asyncio.CancelledError:
            self.gone.set()
            await aside(self._take_back)
            raise

    def outcome(self, receipt: Receipt) -> _Outcome:
        """Return the block in which the action runs; its end is reported."""
        return _Outcome(lambda succeeded, note: self._report(receipt, succeeded, note))

    def _take_back(self) -> None:
        try:
            self.agent.take_back(self.ask, self.key)
        except AssentError as error:
            log.warning("the request could not be withdrawn: %s", error)

    def _report(self, receipt: Receipt, succeeded: bool, note: str | None) -> None:
        try:
            self.agent.report(receipt.id, succeeded=succeeded, note=note)
        except AssentError as error:
            # It ran; what it returned or raised is worth more than this.
            log.warning("%s: its outcome could not be reported: %s", receipt.id, error)


@dataclass(frozen=True)
class _Outcome:
    """Reports how a block ended; of an exception only the type: its words may hold secrets."""

    report: Callable[[bool, str | None], None]

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.report(kind is None, kind.__name__ if kind else None)

    async def __aenter__(self) -> None:
        return

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        await aside(self.report, kind is None, kind.__name__ if kind else None)


def _named(signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return every argument under its name, defaults too: what is approved is the whole call."""
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    named: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        if signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
            named.update(value)
        else:
            named[name] = value
    return named
