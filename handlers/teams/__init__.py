"""Microsoft Teams: cards out, clicks in. Importing it costs the SDK: only where Teams is configured."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, cast

from aiohttp import web

from bot.ports import Accounts, Clock, Policies, Signer, Store
from bot.services.reviewing import Reviewing
from bot.services.viewing import Viewing
from handlers.commands import Desk as Commands
from handlers.render import Renderer
from handlers.teams.cards import message
from handlers.teams.chats import Chats
from handlers.teams.connector import Connector
from handlers.teams.desk import Desk
from handlers.teams.door import PATH, Door
from handlers.teams.entra import Entra
from handlers.teams.identity import Identity
from handlers.teams.keyring import KeyRing
from handlers.teams.notifier import TeamsNotifier
from handlers.teams.reception import Reception
from handlers.teams.sdk import PUBLIC, App, with_overrides
from handlers.teams.seal import Seal, Sealing
from handlers.teams.speaker import Speaker

__all__ = ["PATH", "Teams", "TeamsNotifier"]


class Teams:
    """One app in one tenant: its way out, which the notifier shares, and its way in."""

    def __init__(
        self,
        *,
        app_id: str,
        app_secret: str,
        tenant: str,
        login_url: str,
        openid_metadata_url: str,
        store: Store,
        policies: Policies,
        accounts: Accounts,
        clock: Clock,
        signer: Signer,
        renderer: Renderer,
    ) -> None:
        self._app_id, self._tenant, self._metadata_url = app_id, tenant.lower(), openid_metadata_url
        self._store, self._policies, self._accounts = store, policies, accounts
        self._seal = Seal(signer.commitment)
        self._clock, self._renderer = clock, Sealing(renderer, self._seal)
        self.entra = Entra(login_url, tenant, app_id, app_secret, clock)
        self.connector = Connector(self.entra, clock)
        self.chats = Chats(store, self.connector, clock, self._tenant)

    def notifier(self) -> TeamsNotifier:
        """Return the way out."""
        return TeamsNotifier(
            self.chats, self.connector, self._store, self._accounts, self._clock, self._renderer
        )

    def install(
        self,
        app: web.Application,
        *,
        reviewing: Reviewing,
        viewing: Viewing,
        commands: Commands,
        public_url: str,
    ) -> None:
        """Take Teams' calls at `POST /teams/messages`."""
        identity = Identity(self.connector, self._accounts, self._clock, self._tenant)
        # What this surface shows whole decides what may be approved by a command.
        own = replace(commands, shows_all=lambda card: message(card, self._renderer).card.complete)
        desk = Desk(
            identity,
            reviewing,
            viewing,
            own,
            self._store,
            self._policies,
            self._clock,
            self._renderer,
            public_url,
        )
        speaker = Speaker(self.chats, self.connector, self._renderer, self._tenant)
        reception = Reception(desk, self.chats, speaker, self._seal, self._tenant)
        keys = KeyRing(self._metadata_url, self._clock)
        door = Door(self._app_id, self._tenant, keys)

        async def running(_app: web.Application) -> AsyncIterator[None]:
            await self._mount(door, keys, reception)
            yield
            await keys.close()
            await self.connector.close()

        app.cleanup_ctx.append(running)
        app.on_shutdown.append(reception.finish)
        app.router.add_post(PATH, door.enter)

    async def _mount(self, door: Door, keys: KeyRing, reception: Reception) -> None:
        """Put the SDK behind our door. It reads credentials from the environment too: all are given."""
        sdk = App(
            client_id=self._app_id,
            tenant_id=self._tenant,
            token=_no_token,
            http_server_adapter=door,
            messaging_endpoint=PATH,
            dangerously_allow_unauthenticated_requests=False,  # an environment variable could say otherwise
            cloud=with_overrides(PUBLIC, openid_metadata_url=self._metadata_url),
        )
        await sdk.initialize()
        # Its own processor would answer what it knows no handler for with an empty 200, and lose it.
        sdk.server.on_request = reception.take
        # Its key client fetches on the event loop, and for every unknown key id: ours stands in its place.
        validator = sdk.server._token_validator  # noqa: SLF001
        if validator is None:
            raise RuntimeError("the SDK would let everybody in")
        validator._service_validator._jwks_client = cast("Any", keys)  # noqa: SLF001
        keys.warm()


async def _no_token(_scope: str | list[str], _tenant: str | None) -> str | None:
    """Give the SDK none: what is sent goes through `connector`."""
    return None
