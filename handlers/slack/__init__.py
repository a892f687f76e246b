"""Slack: cards out, clicks in."""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web
from slack_sdk.signature import SignatureVerifier

from bot.ports import Clock, Store
from bot.services.absence import Absences
from bot.services.linking import Linking
from bot.services.reviewing import Reviewing
from bot.services.viewing import Viewing
from handlers import commands as commanding
from handlers.render import Renderer
from handlers.slack.blocks import shows_all
from handlers.slack.confirming import Confirming
from handlers.slack.counter import PREFIX, Counter
from handlers.slack.desk import Desk
from handlers.slack.door import PATH, Door, OurClock
from handlers.slack.home import Home
from handlers.slack.identity import Identity
from handlers.slack.installed import Installed
from handlers.slack.installing import Installing
from handlers.slack.listeners import Listeners
from handlers.slack.notifier import SlackNotifier
from handlers.slack.panes import Panes
from handlers.slack.reactions import Reactions
from handlers.slack.reception import Reception
from handlers.slack.socket import Socket
from handlers.slack.stating import Stating
from handlers.slack.usergroups import Usergroups
from handlers.slack.windows import Windows
from handlers.slack.workspace import Workspace
from handlers.slack.workspaces import TheOne, Workspaces

__all__ = [
    "Installed",
    "Installing",
    "SlackNotifier",
    "Socket",
    "TheOne",
    "Usergroups",
    "Workspace",
    "Workspaces",
    "install",
]


def install(
    app: web.Application,
    *,
    workspaces: Workspaces,
    signing_secret: str | None,
    socket: Socket | None = None,
    public_url: str,
    reviewing: Reviewing,
    viewing: Viewing,
    absences: Absences,
    commands: commanding.Desk,
    linking: Linking,
    usergroups: Usergroups,
    store: Store,
    clock: Clock,
    renderer: Renderer,
) -> None:
    """Take Slack's calls: at POST /slack/events with a signing secret, over Socket Mode with a socket."""

    def listeners_of(workspace: Workspace) -> Listeners:
        identity = Identity(workspace, linking, clock)
        desk = Desk(identity, reviewing, store, clock, renderer, workspace, public_url, commands.pace)
        home = Home(identity, viewing, absences, clock, renderer, workspace, public_url)
        ours = replace(commands, prefix=PREFIX, shows_all=shows_all)
        panes = Panes(desk, viewing, home, windows)
        counter = Counter(identity, ours, renderer, workspace, panes)
        confirming = Confirming(workspace, renderer)
        stating = Stating(identity, absences, clock, renderer, workspace)
        return Listeners(desk, panes, stating, Reactions(desk), counter, confirming, usergroups)

    windows = Windows(store)
    reception = Reception(workspaces, listeners_of)
    app.cleanup_ctx.append(workspaces.session)
    app.cleanup_ctx.append(windows.following)
    if signing_secret is not None:
        door = Door(SignatureVerifier(signing_secret, OurClock(clock)), reception)
        app.router.add_post(PATH, door.enter)
    if socket is not None:
        app.cleanup_ctx.append(socket.taking(reception))
    app.on_shutdown.append(reception.finish)
