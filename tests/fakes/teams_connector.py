"""The Bot Connector, Entra's token and the Bot Service's keys, refusing what they refuse."""

import asyncio
import json
from typing import Any

import jwt
from aiohttp import web

from tests.fakes.teams_cards import MESSAGE_MAX, BadCard, check_card
from tests.fakes.teams_state import APP_ID, APP_SECRET, TENANT, Conversation, Fault, Json, Message, State
from tests.fakes.teams_tokens import Signer

CARD = "application/vnd.microsoft.card.adaptive"


class Refused(Exception):
    """The connector says no."""

    def __init__(
        self, status: int, code: str, message: str = "", retry_after: str | int | None = None
    ) -> None:
        super().__init__(f"{status} {code} {message}")
        self.status, self.code, self.message, self.retry_after = status, code, message, retry_after


class Connector:
    """Answers every address that our side calls."""

    def __init__(self, state: State, signer: Signer) -> None:
        self.state, self.signer = state, signer
        self.endorsements: tuple[str, ...] = ("msteams",)
        self.key_fetches = 0
        self.keys_slow = 0.0  # seconds

    def install(self, app: web.Application) -> None:
        """Add the routes."""
        well_known = "/v1/.well-known"
        app.router.add_get(f"{well_known}/openidconfiguration", self._metadata)
        app.router.add_get(f"{well_known}/keys", self._keys)
        app.router.add_post("/{tenant}/oauth2/v2.0/token", self._token)
        v3 = "/emea/v3"
        app.router.add_post(f"{v3}/conversations", self._verb("chat", self._chat))
        activities = f"{v3}/conversations/{{conversation}}/activities"
        app.router.add_post(activities, self._verb("post", self._post))
        app.router.add_put(f"{activities}/{{id}}", self._verb("update", self._update))
        members = f"{v3}/conversations/{{conversation}}/members/{{id}}"
        app.router.add_get(members, self._verb("member", self._member))
        app.router.add_get(f"{v3}/teams/{{team}}/conversations", self._verb("channels", self._channels))

    async def _metadata(self, request: web.Request) -> web.Response:
        keys = str(request.url.with_path("/v1/.well-known/keys"))
        algorithms = ["RS256"]
        document = {"issuer": "https://api.botframework.com", "jwks_uri": keys}
        return web.json_response({**document, "id_token_signing_alg_values_supported": algorithms})

    async def _keys(self, request: web.Request) -> web.Response:
        self.key_fetches += 1
        await asyncio.sleep(self.keys_slow)
        return web.json_response(self.signer.jwks(self.endorsements))

    async def _token(self, request: web.Request) -> web.Response:
        fault = self._fault("token")
        if fault is not None and fault.status:
            return web.Response(status=fault.status, text=fault.body or "")
        form = await request.post()
        wanted = {
            "grant_type": "client_credentials",
            "client_id": APP_ID,
            "scope": "https://api.botframework.com/.default",
        }
        wrong = request.match_info["tenant"] != TENANT or any(form.get(n) != v for n, v in wanted.items())
        if wrong or form.get("client_secret") != APP_SECRET:
            return web.json_response(
                {"error": "invalid_client", "error_description": "AADSTS7000215"}, status=401
            )
        self.state.tokens.append(jwt.encode({"n": len(self.state.tokens)}, "entra" * 8, algorithm="HS256"))
        answer = {"token_type": "Bearer", "expires_in": 3599, "access_token": self.state.tokens[-1]}
        return web.json_response(answer)

    def _verb(self, verb: str, work: Any) -> Any:
        async def answer(request: web.Request) -> web.Response:
            where = request.match_info.get("conversation") or request.match_info.get("team") or ""
            self.state.calls.append((verb, where))
            fault = self._fault(verb)
            try:
                self._authorized(request)
                if fault is not None and not fault.drop:
                    await asyncio.sleep(fault.slow)
                    if fault.body is not None:
                        return web.Response(status=fault.status, text=fault.body)
                    if fault.status:
                        raise Refused(fault.status, fault.code, retry_after=fault.retry_after)
                answered: web.Response = await work(request)
            except Refused as refused:
                if fault is None:
                    self.state.refusals.append(f"{verb}: {refused}")
                return _problem(refused)
            if fault is not None and fault.drop:
                assert request.transport is not None
                request.transport.abort()
            return answered

        return answer

    def _fault(self, verb: str) -> Fault | None:
        waiting = self.state.faults[verb]
        return waiting.popleft() if waiting else None

    def _authorized(self, request: web.Request) -> None:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not self.state.tokens or token != self.state.tokens[-1]:
            raise Refused(401, "Unauthorized")

    async def _post(self, request: web.Request) -> web.Response:
        base, _, root = request.match_info["conversation"].partition(";messageid=")
        chat = self._conversation(base)
        if root and (chat.kind != "channel" or self.state.message(base, root) is None):
            raise Refused(404, "ActivityNotFoundInConversation", root)
        text, summary, content = await self._read(request, base)
        message = Message(base, self.state.next(), text, summary, content, root or None)
        chat.messages.append(message)
        return web.json_response({"id": message.id}, status=201)

    async def _update(self, request: web.Request) -> web.Response:
        base = request.match_info["conversation"].partition(";")[0]
        self._conversation(base)
        message = self.state.message(base, request.match_info["id"])
        if message is None:
            raise Refused(404, "ActivityNotFoundInConversation", request.match_info["id"])
        message.text, message.summary, message.content = await self._read(request, base)
        message.own.clear()
        return web.json_response({"id": message.id})

    async def _member(self, request: web.Request) -> web.Response:
        self._conversation(request.match_info["conversation"].partition(";")[0])
        found = self.state.users.get(request.match_info["id"])
        if found is None:
            raise Refused(404, "MemberNotFoundInConversation", request.match_info["id"])
        return web.json_response(found)

    async def _channels(self, request: web.Request) -> web.Response:
        team = self.state.teams.get(request.match_info["team"])
        if team is None or not team.bot:
            raise Refused(403, "BotNotInConversationRoster", request.match_info["team"])
        own = [chat for chat in self.state.conversations.values() if chat.team == team.id]
        # The connector gives the General channel no name.
        named = [{"id": one.id, **({"name": one.name} if one.id != team.id else {})} for one in own]
        return web.json_response({"conversations": named})

    async def _chat(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body.get("tenantId") != TENANT or len(body.get("members", [])) != 1 or body.get("isGroup"):
            raise Refused(400, "BadSyntax", str(body))
        wanted = body["members"][0]["id"]
        for chat in self.state.conversations.values():
            user = self.state.users.get(chat.user or "")
            if user is not None and wanted in (user["id"], user["aadObjectId"]) and chat.bot:
                return web.json_response({"id": chat.id}, status=201)
        raise Refused(403, "ForbiddenOperationException", wanted)

    def _conversation(self, id: str) -> Conversation:
        chat = self.state.conversations.get(id)
        if chat is None:
            raise Refused(404, "ConversationNotFound", id)
        team = self.state.teams.get(chat.team or "")
        if not chat.bot or (team is not None and not team.bot):
            raise Refused(403, "BotNotInConversationRoster", id)
        return chat

    async def _read(self, request: web.Request, base: str) -> tuple[str, str, Json | None]:
        """Read a message as Teams would: its size, its schema, and how fast we are."""
        raw = await request.read()
        if len(raw) > MESSAGE_MAX:
            raise Refused(413, "MessageSizeTooBig", str(len(raw)))
        wait = self.state.too_fast(base)
        if wait is not None:
            raise Refused(429, "TooManyRequests", base, wait)
        body = json.loads(raw)
        attached = body.get("attachments", [])
        if body.get("type") != "message" or len(attached) > 1 or bool(body.get("text")) == bool(attached):
            raise Refused(400, "BadSyntax", str(body)[:500])
        if not attached:
            if body.get("textFormat") != "plain":
                raise Refused(400, "BadSyntax", "a line that is read as markdown")
            return body["text"], "", None
        if attached[0].get("contentType") != CARD:
            raise Refused(400, "BadSyntax", str(attached)[:500])
        content = attached[0]["content"]
        try:
            check_card(content)
        except BadCard as bad:
            raise Refused(400, "BadSyntax", str(bad)) from bad
        return "", body.get("summary", ""), content


def _problem(refused: Refused) -> web.Response:
    body = {"error": {"code": refused.code, "message": refused.message}}
    answer = web.json_response(body, status=refused.status)
    if refused.retry_after is not None:
        answer.headers["Retry-After"] = str(refused.retry_after)
    return answer
