"""Connections whose bytes aiohttp cannot read are answered as everything else is, and nothing is quoted.

aiohttp's own answer to a broken request repeats the line it could not read, and logs it: a key with a stray
control character behind it would stand in the log. Here both tell what kind of fault it was, and an id.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import web

from bot.ports import Ids
from handlers import problems

log = structlog.get_logger(__name__)


class _Connection(web.RequestHandler):
    """One connection; its faults read as problems."""

    __slots__ = ("_ids",)

    def __init__(self, manager: web.Server, ids: Ids, **options: Any) -> None:
        super().__init__(manager, **options)
        self._ids = ids

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,
        _message: str | None = None,
    ) -> web.StreamResponse:
        """Return the answer to what no handler saw, and close; the message, which quotes bytes, is lost."""
        request_id = problems.new_id(self._ids)
        told = {"request_id": request_id, "status": int(status), "problem": type(exc).__name__}
        unreadable = status == HTTPStatus.BAD_REQUEST
        if unreadable:
            log.info("http.unreadable", **told)
        else:
            log.error("http.failed", **told, exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was begun; another one cannot follow")
        kind = HTTPStatus.BAD_REQUEST if unreadable else HTTPStatus.INTERNAL_SERVER_ERROR
        answer = problems.unhandled(kind, request_id)
        answer.force_close()
        return answer

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer; one that aiohttp made before any middleware ran becomes a problem, too."""
        if isinstance(resp, web.HTTPException) and resp.status == HTTPStatus.EXPECTATION_FAILED:
            resp = problems.unhandled(HTTPStatus.EXPECTATION_FAILED, problems.new_id(self._ids))
        return await super().finish_response(request, resp, start_time)


class _Server(web.Server):
    """Makes a `_Connection` of each connection."""

    def __init__(self, made: web.Server, ids: Ids, options: dict[str, Any]) -> None:
        super().__init__(
            made.request_handler,
            request_factory=made.request_factory,
            handler_cancellation=made.handler_cancellation,
        )
        self._options = options
        self._ids = ids

    def __call__(self) -> web.RequestHandler:
        return _Connection(self, self._ids, loop=asyncio.get_running_loop(), **self._options)


class Runner(web.AppRunner):
    """Runs an application: no access log, for it costs a tenth of the throughput and the proxy writes one."""

    def __init__(self, app: web.Application, ids: Ids, shutdown_timeout: float) -> None:
        """`shutdown_timeout` is in seconds."""
        super().__init__(app, handler_cancellation=True, access_log=None, shutdown_timeout=shutdown_timeout)
        self._ids = ids

    async def _make_server(self) -> web.Server:
        return _Server(await super()._make_server(), self._ids, {"access_log": None})
