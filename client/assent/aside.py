"""Blocking calls beside an event loop, each on a thread that no exit has to wait for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

Made = TypeVar("Made")
Taken = ParamSpec("Taken")


async def aside(call: Callable[Taken, Made], *args: Taken.args, **kwargs: Taken.kwargs) -> Made:
    """Return what `call` returns. Cancelled, it lets the call end by itself and drops the result."""
    loop = asyncio.get_running_loop()
    made: asyncio.Future[Made] = loop.create_future()

    def settle(result: Callable[[], None]) -> None:
        if not made.done():
            result()

    def hand_over(result: Callable[[], None]) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result)

    def run() -> None:
        try:
            value = call(*args, **kwargs)
        except BaseException as error:  # it is raised again where it is awaited
            # A future cannot hold StopIteration, and would wait for ever.
            failure = RuntimeError(repr(error)) if isinstance(error, StopIteration) else error
            hand_over(lambda: made.set_exception(failure))
        else:
            hand_over(lambda: made.set_result(value))

    threading.Thread(target=run, name="assent", daemon=True).start()
    return await made
