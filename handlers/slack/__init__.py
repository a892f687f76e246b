"""Slack: cards out, clicks in."""

from __future__ import annotations

from aiohttp import web
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

from bot.ports import Clock, Policies, Store
from bot.services.entering import Entering
from bot.services.reviewing import Reviewing
from bot.services.viewing import Viewing
from handlers.render import Renderer
from handlers.slack.desk import Desk
from handlers.slack.door import PATH, Door, OurClock
from handlers.slack.identity import Identity
from handlers.slack.listeners import Listeners
from handlers.slack.notifier import SlackNotifier
from handlers.slack.socket import Socket
from handlers.slack.usergroups import Usergroups
from handlers.slack.workspace import Workspace

__all__ = ["SlackNotifier", "Usergroups", "Workspace", "install"]


def install(
    app: web.Application,
    *,
    workspace: Workspace,
    signing_secret: str | None,
    app_token: str | None = None,
    public_url: str,
    reviewing: Reviewing,
    viewing: Viewing,
    entering: Entering,
    policies: Policies,
    usergroups: Usergroups,
    store: Store,
    clock: Clock,
    renderer: Renderer,
) -> None:
    """Take Slack's calls: at POST /slack/events with a signing secret, over Socket Mode with an app token."""
    identity = Identity(workspace, policies, clock)
    desk = Desk(identity, reviewing, viewing, entering, store, clock, renderer, workspace, public_url)
    listeners = Listeners(desk, usergroups)
    bolt = _bolt(workspace)
    listeners.listen(bolt)
    app.cleanup_ctx.append(workspace.session)
    if signing_secret is not None:
        door = Door(SignatureVerifier(signing_secret, OurClock(clock)), workspace, bolt)
        app.router.add_post(PATH, door.enter)
    if app_token is not None:
        app.cleanup_ctx.append(Socket(app_token, workspace, bolt).connection)
    app.on_shutdown.append(listeners.finish)


def _bolt(workspace: Workspace) -> AsyncApp:
    async def authorize() -> AuthorizeResult:
        # Given, so that Bolt makes no auth.test of its own between a click and its answer. Whose call it is
        # was settled by the door.
        ours = await workspace.installation()
        return AuthorizeResult(
            enterprise_id=ours.enterprise,
            team_id=ours.team,
            bot_user_id=ours.bot_user,
            bot_id=ours.bot,
            bot_token=workspace.bot_token,
        )

    return AsyncApp(
        name="assent",
        signing_secret="",  # the door verifies, on our clock
        request_verification_enabled=False,
        ssl_check_enabled=False,
        client=AsyncWebClient(base_url=workspace.client.base_url, retry_handlers=[]),
        authorize=authorize,
    )
