"""When people remove the app, or Slack takes its token back: what we held of that workspace is forgotten."""

from __future__ import annotations

from typing import Any

import structlog
from slack_bolt.async_app import AsyncApp

from handlers.slack.workspace import Workspace
from handlers.slack.workspaces import Workspaces

log = structlog.get_logger(__name__)


def listen_for_leaving(bolt: AsyncApp, workspace: Workspace, workspaces: Workspaces) -> None:
    """Register for both events; Slack sends them in any order, so the second one may find nothing."""

    async def uninstalled() -> None:
        log.warning("slack.uninstalled", workspace=workspace.key)
        await workspaces.left(workspace)

    async def revoked(event: dict[str, Any]) -> None:
        ours = (await workspace.installation()).bot_user
        if ours in ((event.get("tokens") or {}).get("bot") or ()):
            await uninstalled()

    bolt.event("app_uninstalled")(uninstalled)
    bolt.event("tokens_revoked")(revoked)
