"""The workspaces in which people installed us by OAuth: read from the store, so that replicas agree."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import structlog
from aiohttp import ClientSession, web
from slack_sdk.web.async_client import AsyncWebClient

from bot.core.terms import SYSTEM, Entry, EntryKind
from bot.ports import Clock, Installations, Later, Never, Signer
from handlers.slack.credentials import ROTATE_BEFORE, Credentials, Unreadable, rotated, unsealed
from handlers.slack.workspace import CALL_TIMEOUT, Workspace
from handlers.slack.workspaces import slack_session

TRY_AGAIN = timedelta(minutes=1)  # after a rotation that failed

log = structlog.get_logger(__name__)


class Installed:
    """Every workspace and organisation that is installed now."""

    def __init__(
        self,
        store: Installations,
        signer: Signer,
        clock: Clock,
        *,
        api_url: str,
        client_id: str,
        client_secret: str,
    ) -> None:
        self._store, self._signer, self._clock = store, signer, clock
        self._api_url, self._client_id, self._client_secret = api_url, client_id, client_secret
        self._known: dict[str, tuple[bytes, Credentials, Workspace]] = {}
        self._rotation: asyncio.Task[None] | None = None
        self._rotate_at = clock.now()
        self._session: ClientSession | None = None

    async def calling(self, team: str | None, enterprise: str | None) -> Workspace | None:
        """Return the workspace's own installation, else its organisation's."""
        every = await self._every()
        for key in (team, enterprise):
            workspace = every.get(key or "")
            if workspace is not None and (await workspace.installation()).is_ours(team, enterprise):
                return workspace
        return None

    async def named(self, team: str | None) -> Workspace:
        """Return the workspace of that name, else the only organisation; without a name the only one."""
        every = await self._every()
        if team is not None and team in every:
            return every[team]
        able = [one for key, one in every.items() if team is None or key.startswith("E")]
        if len(able) == 1:
            return able[0]
        if team is not None:
            raise Never(f"Slack: the app is not installed in {team}")
        if able:
            raise Never("Slack: several workspaces are installed; name one, as in slack:T0123ABCD/#ops")
        raise Never("Slack: the app is not installed anywhere; run: python -m bot slack install")

    async def at(self, place: str) -> tuple[Workspace, str]:
        """Return the installation that a place names."""
        key, _, channel = place.rpartition("/")
        return await self.named(key or None), channel

    async def left(self, workspace: Workspace) -> None:
        """Forget its credentials."""
        self._known.pop(workspace.key, None)
        facts = {"command": "slack uninstalled", "workspace": workspace.key}
        entry = Entry(kind=EntryKind.ADMIN, at=self._clock.now(), by=SYSTEM, facts=facts)
        await self._store.drop_installation(workspace.key, entry)

    async def session(self, _app: web.Application) -> AsyncIterator[None]:
        """Keep connections to Slack open while the app runs."""
        async with slack_session() as self._session:
            yield
        self._session = None
        self._known.clear()

    async def _every(self) -> dict[str, Workspace]:
        """Read what is installed now; a workspace stays the same object until its credentials change."""
        rows = await self._store.installations()
        now = self._clock.now()
        for gone in self._known.keys() - rows.keys():
            del self._known[gone]
        for key, sealed in rows.items():
            if key not in self._known or self._known[key][0] != sealed:
                self._read(key, sealed)
        if any(_is_old(held, now) for _, held, _ in self._known.values()):
            await self._rotated()
        return {key: workspace for key, (_, _, workspace) in self._known.items()}

    def _read(self, key: str, sealed: bytes) -> None:
        try:
            held = unsealed(sealed, self._signer)
        except Unreadable as problem:
            log.warning("slack.installation_unreadable", workspace=key, problem=str(problem))
            self._known.pop(key, None)
            return
        known = self._known.get(key)
        if known is not None and known[1].installation == held.installation:
            known[2].client.token = held.token  # rotated: what is remembered of the workspace stays good
            self._known[key] = (sealed, held, known[2])
            return
        workspace = Workspace(held.token, self._api_url, self._clock, key, held.installation)
        workspace.client.session = self._session
        self._known[key] = (sealed, held, workspace)

    async def _rotated(self) -> None:
        """Rotate beside what goes on; only a token that has expired already is waited for."""
        now = self._clock.now()
        if self._rotation is None or (self._rotation.done() and now >= self._rotate_at):
            self._rotation = asyncio.create_task(self._rotate())
        if any(held.expires_at and held.expires_at <= now for _, held, _ in self._known.values()):
            await asyncio.wait([self._rotation])

    async def _rotate(self) -> None:
        """Trade what expires soon; another replica may be first, and then its credentials count."""
        for key, (sealed, held, _) in list(self._known.items()):
            if _is_old(held, self._clock.now()):
                await self._trade(key, sealed, held)

    async def _trade(self, key: str, sealed: bytes, held: Credentials) -> None:
        client = AsyncWebClient(base_url=self._api_url, timeout=CALL_TIMEOUT, retry_handlers=[])
        try:
            new = await rotated(held, client, self._client_id, self._client_secret, self._clock.now())
        except (Later, Never) as problem:
            log.warning("slack.rotation_failed", workspace=key, problem=str(problem))
            self._rotate_at = self._clock.now() + TRY_AGAIN
            return
        fresh = new.sealed(self._signer)
        if not await self._store.rotate_installation(key, sealed, fresh):
            fresh = (await self._store.installations()).get(key, b"")
        self._read(key, fresh)


def _is_old(held: Credentials, now: datetime) -> bool:
    return held.expires_at is not None and held.expires_at - ROTATE_BEFORE <= now
