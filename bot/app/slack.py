"""Slack, where it is configured; its libraries take a quarter of a second, and many installs have none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from bot.app.parts import Parts
from bot.ports import Notifier
from handlers.render import Renderer

if TYPE_CHECKING:
    from handlers import slack
    from handlers.commands import Desk


def slack_notifier(made: Parts, renderer: Renderer) -> Notifier | None:
    """Return the half that speaks; None where it is off."""
    if made.workspaces is None:
        return None
    from handlers import slack

    return slack.SlackNotifier(made.workspaces, made.linking, made.clock, renderer)


def install_slack(
    app: web.Application, made: Parts, renderer: Renderer, commands: Desk
) -> slack.Socket | None:
    """Take Slack's calls, where it is on; return the socket, if they come over one."""
    own = made.settings
    if made.workspaces is None or made.usergroups is None:
        return None
    from handlers import slack

    token, secret = own.slack_app_token, own.slack_signing_secret
    socket = slack.Socket(token.get_secret_value(), own.slack_api_url) if token else None
    if made.installing is not None:
        made.installing.install(app)
    slack.install(
        app,
        workspaces=made.workspaces,
        signing_secret=secret.get_secret_value() if secret else None,
        socket=socket,
        public_url=made.public_url,
        reviewing=made.reviewing,
        viewing=made.viewing,
        absences=made.absences,
        commands=commands,
        linking=made.linking,
        usergroups=made.usergroups,
        store=made.store,
        clock=made.clock,
        renderer=renderer,
    )
    return socket
