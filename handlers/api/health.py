"""/livez, /readyz and /metrics: for the machines that keep us running."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

import orjson
from aiohttp import web

from handlers.api.meters import Meters

CHECK_MAX = timedelta(seconds=2)  # a check that hangs has failed; probes commonly give up after a few seconds
SLOW_MAX = timedelta(seconds=8)  # what was well so lately and only takes its time is under load, not broken
Check = Callable[[], Awaitable[str | None]]  # what is wrong, None when it is well
Reading = Callable[[], Awaitable[float]]


def install_health(
    app: web.Application, checks: Mapping[str, Check], soft_checks: Mapping[str, Check]
) -> None:
    """Add `/livez` and `/readyz`: 503 while one of `checks` is not well; `soft_checks` are only reported.

    `checks` end by themselves: they are `patient`.
    """
    reported = {name: limited(check) for name, check in soft_checks.items()}

    async def livez(_: web.Request) -> web.Response:
        return _told({"status": "alive"})

    async def readyz(_: web.Request) -> web.Response:
        hard, soft = await asyncio.gather(problems(checks), problems(reported))
        ready = all(problem is None for problem in hard.values())
        told = {"status": "ready" if ready else "not ready", "checks": hard, "others": soft}
        return _told(told, 200 if ready else 503)

    app.router.add_get("/livez", livez)
    app.router.add_get("/readyz", readyz)


def limited(check: Check) -> Check:
    """Return the check, failed with `TimeoutError` when it takes too long."""

    async def checked() -> str | None:
        async with asyncio.timeout(CHECK_MAX.total_seconds()):
            return await check()

    return checked


def patient(check: Check) -> Check:
    """Return the check, well also while it takes too long, up to eight seconds after it last was well.

    Under load every replica is slow at the same time: none of them would be left. There must be no other
    limit around it: one loop's turn can be longer than both, and what the outer one cancels is not forgiven.
    """
    well_at: float | None = None  # seconds on the event loop's clock
    in_time = limited(check)

    async def checked() -> str | None:
        nonlocal well_at
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        try:
            problem = await in_time()
        except TimeoutError:
            if well_at is not None and asked_at - well_at <= SLOW_MAX.total_seconds():
                return None
            raise
        if problem is None:
            well_at = loop.time()
        return problem

    return checked


def install_metrics(app: web.Application, meters: Meters, readings: Mapping[str, Reading]) -> None:
    """Add `/metrics`, and time every answer; `readings` are gauges that are read when somebody looks."""

    async def metrics(_: web.Request) -> web.Response:
        values = await asyncio.gather(*(read() for read in readings.values()))
        for name, value in zip(readings, values, strict=True):
            meters.read(name, value)
        return web.Response(body=meters.text(), headers={"Content-Type": meters.content_type})

    app.middlewares.insert(0, meters.timing)
    app.router.add_get("/metrics", metrics)


async def problems(checks: Mapping[str, Check]) -> dict[str, str | None]:
    """Return what each check finds wrong, None where it is well."""
    found = await asyncio.gather(*(check() for check in checks.values()), return_exceptions=True)
    return {name: _problem(result) for name, result in zip(checks, found, strict=True)}


def _problem(result: str | BaseException | None) -> str | None:
    """Return what is wrong; of a failure only its kind, since anybody may read this page."""
    return f"failed: {type(result).__name__}" if isinstance(result, BaseException) else result


def _told(body: object, status: int = 200) -> web.Response:
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return web.Response(body=orjson.dumps(body), status=status, headers=headers)
