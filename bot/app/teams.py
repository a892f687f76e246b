"""Microsoft Teams, where it is configured; its SDK is imported only then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from bot.app.parts import Parts
from bot.settings import kept_environment
from handlers.render import Renderer

if TYPE_CHECKING:
    from handlers.commands import Desk
    from handlers.teams import Teams


def teams_of(made: Parts, renderer: Renderer) -> Teams | None:
    """Return our app in Teams; None where it is off."""
    own = made.settings
    if own.teams_app_id is None or own.teams_app_secret is None or own.teams_tenant_id is None:
        return None
    with kept_environment():
        from handlers import teams  # FastAPI and uvicorn come with it: a second, and 50 MB

    return teams.Teams(
        app_id=own.teams_app_id,
        app_secret=own.teams_app_secret.get_secret_value(),
        tenant=own.teams_tenant_id,
        login_url=own.teams_login_url,
        openid_metadata_url=own.teams_openid_metadata_url,
        store=made.store,
        policies=made.policies,
        accounts=made.linking,
        clock=made.clock,
        signer=made.keys,
        renderer=renderer,
    )


def install_teams(app: web.Application, made: Parts, teams: Teams | None, commands: Desk) -> None:
    """Take Teams' calls, where it is on."""
    if teams is not None:
        teams.install(
            app,
            reviewing=made.reviewing,
            viewing=made.viewing,
            commands=commands,
            public_url=made.public_url,
        )
