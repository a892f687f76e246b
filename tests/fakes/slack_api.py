"""Slack's Web API, as far as we call it, refusing what Slack refuses."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from aiohttp import web

from tests.fakes.slack_blocks import Refused, check_message, check_types
from tests.fakes.slack_files import leave, share, take
from tests.fakes.slack_grants import check_client, trade
from tests.fakes.slack_methods import ARGUMENTS, SCOPES, arguments_of, next_page, page_of
from tests.fakes.slack_panes import open_view, publish_view, push_view, update_view, whisper
from tests.fakes.slack_state import (
    APP_TOKEN,
    BOT,
    BOT_USER,
    Conversation,
    Json,
    Message,
    State,
    Whisper,
)


class Api:
    """Answers `POST /api/METHOD` and `POST /response/ID`."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.sisters: dict[str, Api] = {}  # other workspaces behind the same address, by their token
        self.socket_url = self.origin = ""
        self.methods: dict[str, Callable[[Json], Json]] = {
            "apps.connections.open": lambda _: {"url": self.socket_url},
            "auth.test": self._auth_test,
            "chat.postEphemeral": self._whisper,
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "conversations.history": self._history,
            "conversations.open": self._open_chat,
            "files.completeUploadExternal": lambda arguments: share(self.state, arguments),
            "files.getUploadURLExternal": lambda arguments: leave(self.state, self.origin, arguments),
            "oauth.v2.access": lambda arguments: trade(self.state, arguments),
            "users.conversations": self._conversations,
            "users.info": self._user,
            "usergroups.users.list": self._usergroup,
            "views.open": lambda arguments: open_view(self.state, arguments),
            "views.publish": lambda arguments: publish_view(self.state, arguments),
            "views.push": lambda arguments: push_view(self.state, arguments),
            "views.update": lambda arguments: update_view(self.state, arguments),
        }

    async def call(self, request: web.Request) -> web.StreamResponse:
        """Answer one call of the Web API."""
        method = request.match_info["method"]
        sister = self.sisters.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if sister is not None:
            return await sister.call(request)
        arguments = await arguments_of(request)
        self.state.calls.append((method, arguments))
        waiting = self.state.faults[method]
        fault = waiting.popleft() if waiting else None
        if fault is not None and fault.slow:
            await asyncio.sleep(fault.slow)
        if fault is not None and fault.retry_after is not None:
            answer = web.json_response({"ok": False, "error": "ratelimited"}, status=429)
            answer.headers["Retry-After"] = str(fault.retry_after)
            return answer
        if fault is not None and fault.status:
            return web.Response(status=fault.status, text=fault.body, content_type=fault.content_type)
        if fault is not None and fault.error:
            return web.json_response({"ok": False, "error": fault.error})
        answer = self._answer(method, arguments, request.headers.get("Authorization", ""))
        if fault is not None and fault.drop:
            assert request.transport is not None
            request.transport.abort()
        return answer

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """Take a message for one person at a response_url."""
        team = request.match_info["id"].partition("-")[0]
        for sister in self.sisters.values():
            if sister.state.team == team:
                return await sister.respond(request)
        leave = self.state.response_urls.get(request.match_info["id"])
        body = await request.json()
        if leave is None or self.state.now() - leave.at > timedelta(minutes=30) or leave.uses >= 5:
            self.state.refusals.append("response_url: expired_url")
            return web.Response(status=404, text="expired_url")
        leave.uses += 1
        replaces = body.get("replace_original")
        if body.get("response_type") != "ephemeral" or (replaces and leave.original is None):
            self.state.refusals.append("response_url: only whispers are expected here")
            return web.Response(status=400, text="invalid_payload")
        if body.get("blocks"):
            check_message(body["blocks"])
            check_types(body["blocks"])
        if replaces and leave.original is not None:
            leave.original.text, leave.original.blocks = body["text"], body["blocks"]
            return web.Response(text="ok")
        whisper = Whisper(leave.user, leave.channel, body.get("text", ""), body.get("blocks") or [])
        self.state.whispers.append(whisper)
        return web.Response(text="ok")

    async def upload(self, request: web.Request) -> web.Response:
        """Take the bytes of a file."""
        return await take(self.state, request)

    def _answer(self, method: str, arguments: Json, authorization: str) -> web.Response:
        try:
            if method not in self.methods:
                raise Refused("unknown_method", method)
            token = APP_TOKEN if method == "apps.connections.open" else self.state.token
            if method == "oauth.v2.access":
                check_client(authorization)
            elif authorization != f"Bearer {token}":
                raise Refused("invalid_auth" if authorization else "not_authed", method)
            self._need(SCOPES[method], method)
            unknown = set(arguments) - ARGUMENTS[method]
            if unknown:
                raise Refused("invalid_arguments", f"{method}: {sorted(unknown)}")
            granted = {"X-OAuth-Scopes": ",".join(sorted(self.state.scopes))}
            return web.json_response({"ok": True, **self.methods[method](arguments)}, headers=granted)
        except Refused as refused:
            self.state.refusals.append(f"{method}: {refused}")
            answer: Json = {"ok": False, "error": refused.code}
            if refused.code == "missing_scope":
                answer |= {"needed": refused.why, "provided": ",".join(sorted(self.state.scopes))}
            if refused.code == "ratelimited":
                return web.json_response(answer, status=429, headers={"Retry-After": "1"})
            return web.json_response(answer)

    def _need(self, scopes: set[str], what: str) -> None:
        for scope in sorted(scopes - self.state.scopes):
            raise Refused("missing_scope", f"{scope} for {what}")

    def _auth_test(self, _arguments: Json) -> Json:
        answer = {
            "url": "https://assent.slack.com/",
            "team": "Assent",
            "user": "assent",
            "team_id": self.state.team,
            "user_id": BOT_USER,
            "bot_id": BOT,
            "is_enterprise_install": False,
        }
        return answer | ({"enterprise_id": self.state.enterprise} if self.state.enterprise else {})

    def _post(self, arguments: Json) -> Json:
        conversation = self._conversation(arguments)
        self._writable(conversation)
        self._pace(conversation)
        text, blocks = self._content(arguments)
        thread_ts = arguments.get("thread_ts")
        if thread_ts is not None and self.state.message(conversation.id, thread_ts) is None:
            raise Refused("thread_not_found", thread_ts)
        metadata = arguments.get("metadata")
        if metadata is not None and not (
            isinstance(metadata.get("event_type"), str) and isinstance(metadata.get("event_payload"), dict)
        ):
            raise Refused("invalid_metadata_format", str(metadata))
        message = Message(conversation.id, self.state.ts(), text, blocks, metadata, thread_ts, shown=[blocks])
        conversation.messages.append(message)
        return {"channel": conversation.id, "ts": message.ts, "message": {"text": text, "bot_id": BOT}}

    def _whisper(self, arguments: Json) -> Json:
        return whisper(self.state, self._conversation(arguments), arguments)

    def _update(self, arguments: Json) -> Json:
        conversation = self._conversation(arguments)
        self._writable(conversation)
        message = self.state.message(conversation.id, arguments.get("ts", ""))
        if message is None:
            raise Refused("message_not_found", arguments.get("ts", ""))
        if message.bot != BOT:
            raise Refused("cant_update_message", message.ts)
        message.text, message.blocks = self._content(arguments)
        message.shown.append(message.blocks)
        return {"channel": conversation.id, "ts": message.ts, "text": message.text}

    def _content(self, arguments: Json) -> tuple[str, list[Json]]:
        text, blocks = arguments.get("text") or "", arguments.get("blocks") or []
        if not text:
            # Slack takes blocks without it; then notifications are empty. Not from us.
            raise Refused("no_text", "every message needs its fallback text")
        if len(text) > 4000:
            raise Refused("msg_too_long", str(len(text)))
        if blocks:
            check_message(blocks)
            check_types(blocks)
        return text, blocks

    def _history(self, arguments: Json) -> Json:
        conversation = self._conversation(arguments)
        kind = "im" if conversation.user else "groups" if conversation.private else "channels"
        self._need({f"{kind}:history"}, "conversations.history")
        if BOT_USER not in conversation.members:
            raise Refused("not_in_channel", conversation.name)
        oldest = float(arguments.get("oldest") or 0)
        standing = [
            m
            for m in reversed(conversation.messages)
            if not m.deleted and m.thread_ts is None and float(m.ts) > oldest
        ]
        page, cursor = page_of(standing, arguments)
        wanted = str(arguments.get("include_all_metadata", "")).lower() in ("1", "true")
        messages = [
            {"type": "message", "ts": m.ts, "text": m.text, "bot_id": m.bot}
            | ({"metadata": m.metadata} if wanted and m.metadata else {})
            for m in page
        ]
        return {"messages": messages, "has_more": bool(cursor), **next_page(cursor)}

    def _open_chat(self, arguments: Json) -> Json:
        user = arguments.get("users", "")
        if user not in self.state.users:
            raise Refused("user_not_found", user)
        chat = f"D{user[1:]}CHAT"
        self.state.conversations.setdefault(chat, Conversation(chat, user, {user, BOT_USER}, user=user))
        return {"channel": {"id": chat}}

    def _conversations(self, arguments: Json) -> Json:
        types = set(arguments.get("types", "public_channel").split(","))
        kinds = {"public_channel": "channels", "private_channel": "groups", "im": "im", "mpim": "mpim"}
        self._need({f"{kinds[kind]}:read" for kind in types}, "users.conversations")
        hide = str(arguments.get("exclude_archived", "")).lower() in ("1", "true")
        mine = [
            c
            for c in self.state.conversations.values()
            if BOT_USER in c.members and c.user is None and not (c.archived and hide)
            and ("private_channel" if c.private else "public_channel") in types
        ]  # fmt: skip
        page, cursor = page_of(mine, arguments)
        return {
            "channels": [{"id": c.id, "name": c.name, "is_archived": c.archived} for c in page],
            **next_page(cursor),
        }

    def _user(self, arguments: Json) -> Json:
        user = self.state.users.get(arguments.get("user", ""))
        if user is None:
            raise Refused("user_not_found", str(arguments))
        return {"user": user}

    def _usergroup(self, arguments: Json) -> Json:
        users = self.state.usergroups.get(arguments.get("usergroup", ""))
        if users is None:
            raise Refused("no_such_subteam", str(arguments))
        return {"users": users}

    def _conversation(self, arguments: Json) -> Conversation:
        conversation = self.state.conversations.get(arguments.get("channel", ""))
        hidden = conversation is not None and conversation.private and BOT_USER not in conversation.members
        if conversation is None or hidden:
            raise Refused("channel_not_found", str(arguments.get("channel")))
        return conversation

    def _writable(self, conversation: Conversation) -> None:
        if conversation.archived:
            raise Refused("is_archived", conversation.name)
        if BOT_USER not in conversation.members:
            raise Refused("not_in_channel", conversation.name)

    def _pace(self, conversation: Conversation) -> None:
        now = self.state.now().timestamp()
        recent = [m for m in conversation.messages if now - int(m.ts.partition(".")[0]) < 1]
        if self.state.one_a_second and recent:
            raise Refused("ratelimited", conversation.name)
