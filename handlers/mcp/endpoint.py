"""POST /mcp: one message in, one answer out. Nothing of a client is kept between two of them.

1. A page in a browser may call only from our own origin: the protocol's guard against DNS rebinding.
2. The bearer key says which agent calls, anew at each message.
3. The message is read (`messages`), and its method is served.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from aiohttp import web
from aiohttp.hdrs import ORIGIN

from bot.core.errors import Forbidden, Malformed, Refusal
from bot.core.terms import Json
from bot.services.knowing import Knowing
from handlers import door, problems, record
from handlers.claude_tools import words
from handlers.mcp.asking import Caller
from handlers.mcp.messages import (
    HEADER_MISMATCH,
    INTERNAL,
    INVALID_PARAMS,
    INVALID_REQUEST,
    PARSE_ERROR,
    RESERVED,
    Fault,
    Message,
    checked,
    read,
)
from handlers.mcp.methods import SERVER, Methods
from handlers.mcp.stream import Stream, plain
from handlers.pace import Pace

ODD = (PARSE_ERROR, INVALID_REQUEST, INVALID_PARAMS, HEADER_MISMATCH)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The one route."""

    knowing: Knowing
    methods: Methods
    pace: Pace
    public_url: str

    async def post(self, request: web.Request) -> web.StreamResponse:
        """Answer a request, take a notification."""
        try:
            caller = await self._caller(request)
            message = read(await door.body(request))
        except Refusal as refusal:
            await record.keep(request, refusal)
            return _unwelcome(refusal, request)
        except Fault as fault:
            await _keep(request, fault)
            return plain(_error(None, fault), fault.status)
        if message.id is None:
            return web.Response(status=202)  # of all that a client may announce nothing needs doing
        return await self._answered(caller, message, request)

    async def _caller(self, request: web.Request) -> Caller:
        origin = request.headers.get(ORIGIN, self.public_url)
        if origin != self.public_url:  # 1
            raise Forbidden("Pages of other origins may not call this.")
        secret = door.bearer(request)
        caller = Caller(secret, *await self.knowing.agent(secret))  # 2
        self.pace.keep_call(caller.agent)
        return caller

    async def _answered(self, caller: Caller, message: Message, request: web.Request) -> web.StreamResponse:
        stream = Stream(request, message)
        try:
            message = checked(message, request)  # 3
            result = await self.methods.served(caller, message, stream, request)
        except Fault as fault:
            await _keep(request, fault)
            return await stream.end(_error(message.id, fault), fault.status)
        except Refusal as refusal:
            await record.keep(request, refusal)
            return await stream.end(
                _error(message.id, Fault(INTERNAL, words(refusal))), problems.status(refusal)
            )
        except ConnectionError:
            raise  # nobody is there to answer
        except Exception:
            log.exception("mcp.failed", method=message.method[:64])
            return await stream.end(_error(message.id, Fault(INTERNAL, "Assent failed; try again.")))
        if message.modern:
            # The method's own `resultType` counts: a task is not a complete result.
            result = {"resultType": "complete", **result, "_meta": {f"{RESERVED}serverInfo": SERVER}}
        return await stream.end({"jsonrpc": "2.0", "id": message.id, "result": result})


async def _keep(request: web.Request, fault: Fault) -> None:
    """Put on record what no client of good faith sends; what it may ask to find out what we speak is not."""
    if fault.code in ODD:
        await record.keep(request, Malformed(str(fault)))


def _unwelcome(refusal: Refusal, request: web.Request) -> web.Response:
    """Refuse before anything is read: the status and headers of every door, the words in this one's form."""
    told = problems.answer(refusal, request.path)
    answer = plain(_error(None, Fault(INVALID_REQUEST, refusal.detail)), told.status)
    for name in ("WWW-Authenticate", "Retry-After"):
        if name in told.headers:
            answer.headers[name] = told.headers[name]
    return answer


def _error(id: int | str | None, fault: Fault) -> Json:
    error: dict[str, Json] = {"code": fault.code, "message": str(fault)}
    if fault.data is not None:
        error["data"] = fault.data
    return {"jsonrpc": "2.0", "id": id, "error": error}
