"""Store, policy, keys and services, put together from the settings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bot.clock import DatabaseClock
from bot.conditions import compile_condition
from bot.ids import RandomIds
from bot.keys import Keys
from bot.ports import Clock, LogTrust
from bot.services.absence import Absences
from bot.services.admin import Admin
from bot.services.auditing import Auditing
from bot.services.entering import Entering
from bot.services.freezing import Freezing
from bot.services.granting import Granting
from bot.services.intake import Intake
from bot.services.knowing import Knowing
from bot.services.linking import Linking
from bot.services.provisioning import Provisioning
from bot.services.redelivering import Redelivering
from bot.services.refusing import Refusing
from bot.services.reviewing import Breaking, Judging, Reviewing
from bot.services.sweeping import Sweeping
from bot.services.viewing import Viewing
from bot.services.withdrawing import Withdrawing
from bot.settings import Settings
from handlers.executor import egress
from handlers.oncall import Feeds
from storage.checkpoints import CheckpointFolder
from storage.folder import PolicyFolder
from storage.schema import migrate, pending_migrations
from storage.store import DatabaseStore, open_store

if TYPE_CHECKING:
    from handlers.slack import Installing, Usergroups, Workspaces

TEMPLATES = Path(__file__).parent.parent.parent / "templates"


class NotMigrated(Exception):
    """The database's tables are not those of this version; run `python -m bot migrate` first."""

    def __init__(self) -> None:
        super().__init__((self.__doc__ or "").strip())


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that a command or the server needs."""

    settings: Settings
    public_url: str
    clock: Clock
    ids: RandomIds
    store: DatabaseStore
    policies: PolicyFolder
    keys: Keys
    workspaces: Workspaces | None
    installing: Installing | None
    usergroups: Usergroups | None
    feeds: Feeds
    trust: LogTrust
    knowing: Knowing
    refusing: Refusing
    intake: Intake
    reviewing: Reviewing
    breaking: Breaking
    viewing: Viewing
    granting: Granting
    sweeping: Sweeping
    entering: Entering
    admin: Admin
    freezing: Freezing
    redelivering: Redelivering
    withdrawing: Withdrawing
    provisioning: Provisioning
    auditing: Auditing
    absences: Absences
    linking: Linking


@asynccontextmanager
async def parts(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Parts]:
    """Open the store and put the services together; `clock` only in tests, else the database's.

    SQLite, a file of one process, is migrated here; PostgreSQL only by `python -m bot migrate`, so that a
    rolling upgrade decides when. Raises `NotMigrated`, `KeysWrong`; the policy loads when it is asked for.
    """
    await _migrated(settings)
    ids = RandomIds()
    store = await open_store(settings.database_url, salt=ids.salt)
    try:
        if clock is None:
            clock = DatabaseClock()
            await clock.follow(store.now)
        yield assembled(settings, clock, ids, store)
    finally:
        await store.close()


def assembled(settings: Settings, clock: Clock, ids: RandomIds, store: DatabaseStore) -> Parts:
    """Put the services together on an open store."""
    public_url = settings.address()
    keys = Keys.open(settings.keys, public_url, clock)
    workspaces = _workspaces(settings, clock, store, keys)
    usergroups = _usergroups(workspaces, clock)
    feeds = _feeds(settings, clock)
    policies = PolicyFolder(settings.policy, compile_condition, clock, usergroups, feeds)
    trust, refusing = LogTrust(), Refusing(store, clock)
    judging = Judging(store, policies, clock, refusing)
    return Parts(
        settings=settings,
        public_url=public_url,
        clock=clock,
        ids=ids,
        store=store,
        policies=policies,
        keys=keys,
        workspaces=workspaces,
        installing=_installing(settings, clock, ids, store, keys, public_url),
        usergroups=usergroups,
        feeds=feeds,
        trust=trust,
        knowing=Knowing(store, policies, clock),
        refusing=refusing,
        intake=Intake(store, policies, clock, ids, keys),
        reviewing=Reviewing(store, judging),
        breaking=Breaking(policies, judging),
        viewing=Viewing(store, policies, clock),
        granting=Granting(store, policies, clock, trust, refusing),
        sweeping=Sweeping(store, policies, clock),
        entering=Entering(store, policies, clock, ids),
        admin=Admin(store, policies, clock, ids, keys),
        freezing=Freezing(store, policies, clock),
        redelivering=Redelivering(store, clock),
        withdrawing=Withdrawing(store, policies, clock),
        provisioning=Provisioning(store, clock, ids, keys),
        absences=Absences(store, policies, clock),
        linking=Linking(store, policies, clock, ids, keys),
        auditing=Auditing(store, clock, keys, CheckpointFolder(settings.checkpoints)),
    )


async def _migrated(settings: Settings) -> None:
    url = settings.database_url
    if not url.startswith("sqlite"):
        if await pending_migrations(url):
            raise NotMigrated
        return
    await migrate(url)


def _feeds(settings: Settings, clock: Clock) -> Feeds:
    gate = egress.inward if settings.egress_allow_private else egress.outward
    return Feeds(settings.policy, lambda: egress.session(gate), clock)


def _workspaces(settings: Settings, clock: Clock, store: DatabaseStore, keys: Keys) -> Workspaces | None:
    if settings.slack_bot_token is not None:
        # Its libraries take a quarter of a second, and many installs have no Slack.
        from handlers.slack import TheOne, Workspace

        return TheOne(Workspace(settings.slack_bot_token.get_secret_value(), settings.slack_api_url, clock))
    if settings.slack_client_id is None or settings.slack_client_secret is None:
        return None
    from handlers.slack import Installed

    return Installed(
        store,
        keys,
        clock,
        api_url=settings.slack_api_url,
        client_id=settings.slack_client_id,
        client_secret=settings.slack_client_secret.get_secret_value(),
    )


def _usergroups(workspaces: Workspaces | None, clock: Clock) -> Usergroups | None:
    if workspaces is None:
        return None
    from handlers.slack import Usergroups

    return Usergroups(workspaces, clock)


def _installing(
    settings: Settings, clock: Clock, ids: RandomIds, store: DatabaseStore, keys: Keys, public_url: str
) -> Installing | None:
    if settings.slack_client_id is None or settings.slack_client_secret is None:
        return None
    from handlers.slack import Installing

    secret = settings.slack_client_secret.get_secret_value()
    api_url, client_id = settings.slack_api_url, settings.slack_client_id
    return Installing(store, keys, clock, ids, api_url, public_url, client_id, secret)
