"""Installing the app in one more workspace, by Slack's OAuth.

1. An operator makes a leave (`python -m bot slack install`): whoever has none cannot begin.
2. The leave is the OAuth state. It is bound to the browser that opened it, by a cookie, and good once.
3. Slack's code is traded for a token, which is stored sealed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.oauth.async_callback_options import (
    AsyncCallbackOptions,
    AsyncFailureArgs,
    AsyncSuccessArgs,
)
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.oauth.installation_store import Installation as Granted
from slack_sdk.oauth.installation_store.async_installation_store import AsyncInstallationStore
from slack_sdk.oauth.state_store.async_state_store import AsyncOAuthStateStore
from slack_sdk.web.async_client import AsyncWebClient

from bot.core.errors import NotReady, Unknown
from bot.core.fingerprint import fingerprint
from bot.core.terms import SYSTEM, Actor, Entry, EntryKind
from bot.ports import Clock, Ids, Installations, Signer
from handlers.slack.credentials import Unreadable, granted, unsealed
from handlers.slack.scopes import SCOPES
from handlers.slack.troubles import NO_ANSWER
from handlers.slack.workspace import CALL_TIMEOUT

BEGIN, RETURN = "/slack/install", "/slack/oauth_redirect"
LEAVE_LIFE = timedelta(minutes=10)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Installing:
    """Takes the app into workspaces."""

    store: Installations
    signer: Signer
    clock: Clock
    ids: Ids
    api_url: str
    public_url: str
    client_id: str
    client_secret: str

    async def leave(self, by: Actor) -> str:
        """Return an address at which somebody may install the app once, within `LEAVE_LIFE`."""
        token, now = self.ids.secret(), self.clock.now()
        entry = Entry(kind=EntryKind.ADMIN, at=now, by=by, facts={"command": "slack install"})
        await self.store.put_leave(fingerprint(token), now + LEAVE_LIFE, entry)
        return f"{self.public_url}{BEGIN}?leave={token}"

    async def places(self) -> list[tuple[str, str]]:
        """Return where the app is installed: `T…` or `E…`, and its name."""
        found = []
        for key, sealed in (await self.store.installations()).items():
            try:
                found.append((key, unsealed(sealed, self.signer).name))
            except Unreadable:
                found.append((key, "(sealed with other keys)"))
        return found

    async def forget(self, key: str, by: Actor) -> None:
        """Forget one; raises `Unknown`."""
        if key not in await self.store.installations():
            raise Unknown
        facts = {"command": "slack forget", "workspace": key}
        entry = Entry(kind=EntryKind.ADMIN, at=self.clock.now(), by=by, facts=facts)
        await self.store.drop_installation(key, entry)

    def install(self, app: web.Application) -> None:
        """Add both pages; they call nothing while nobody holds a leave."""
        flow = self._flow()

        async def begin(request: web.Request) -> web.StreamResponse:
            token = request.query.get("leave", "")
            if not await self.store.has_leave(fingerprint(token), self.clock.now()):
                raise Unknown("This link was used or is over; `python -m bot slack install` makes a new one.")
            url = await flow.build_authorize_url(token, AsyncBoltRequest(body="", query=""))
            cookie = flow.settings.state_utils.build_set_cookie_for_new_state(token)
            return web.Response(status=302, headers={"Location": url, "Set-Cookie": cookie, **UNSEEN})

        async def back(request: web.Request) -> web.StreamResponse:
            cookies = request.headers.get("Cookie", "")
            call = AsyncBoltRequest(body="", query=request.query_string, headers={"cookie": cookies})
            try:
                answer = await to_aiohttp_response(await flow.handle_callback(call))
            except NO_ANSWER as error:
                raise NotReady("Slack did not answer; ask for a new link and try again.") from error
            answer.headers.update(UNSEEN)
            return answer

        app.router.add_get(BEGIN, begin)
        app.router.add_get(RETURN, back)

    def _flow(self) -> AsyncOAuthFlow:
        secure = urlsplit(self.public_url)
        return AsyncOAuthFlow(
            client=AsyncWebClient(base_url=self.api_url, timeout=CALL_TIMEOUT, retry_handlers=[]),
            settings=AsyncOAuthSettings(
                client_id=self.client_id,
                client_secret=self.client_secret,
                scopes=SCOPES,
                redirect_uri=f"{secure.scheme}://{secure.netloc}{RETURN}",
                authorization_url=f"{self.api_url.removesuffix('api/')}oauth/v2/authorize",
                installation_store=Stored(self.store, self.signer, self.clock),
                state_store=Leaves(self.store, self.clock),
                callback_options=AsyncCallbackOptions(success=_welcomed, failure=_refused),
            ),
        )


UNSEEN = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}  # the address holds a secret


@dataclass(frozen=True, slots=True)
class Leaves(AsyncOAuthStateStore):
    """The SDK's states are our leaves."""

    store: Installations
    clock: Clock

    async def async_consume(self, state: str) -> bool:
        """Use the leave."""
        return await self.store.take_leave(fingerprint(state), self.clock.now())


@dataclass(frozen=True, slots=True)
class Stored(AsyncInstallationStore):
    """The SDK's installations are our sealed credentials."""

    store: Installations
    signer: Signer
    clock: Clock

    async def async_save(self, installation: Granted) -> None:
        """Seal and store them; the entry names who installed, erasably."""
        now = self.clock.now()
        held = granted(installation)
        entry = Entry(
            kind=EntryKind.ADMIN,
            at=now,
            by=SYSTEM,
            facts={"command": "slack installed", "workspace": held.key},
            private={"account": f"{installation.team_id or '?'}/{installation.user_id}"},
        )
        await self.store.put_installation(held.key, held.sealed(self.signer), entry)
        log.info("slack.installed", workspace=held.key)


async def _welcomed(args: AsyncSuccessArgs) -> BoltResponse:
    given = args.installation
    where = given.enterprise_name if given.is_enterprise_install else given.team_name
    return _page(200, f"Assent is installed in {where}. Invite it with /invite where cards shall stand.")


async def _refused(args: AsyncFailureArgs) -> BoltResponse:
    log.warning("slack.install_refused", reason=args.reason)
    status = max(args.suggested_status_code, 400)
    return _page(
        status, "Assent was not installed. Ask for a new link, open it and come back in one browser."
    )


def _page(status: int, words: str) -> BoltResponse:
    return BoltResponse(status=status, body=words, headers={"Content-Type": "text/plain; charset=utf-8"})
