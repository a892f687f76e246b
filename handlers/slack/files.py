"""Files go to one person's direct messages with the bot: what a command hands out is for nobody else."""

from __future__ import annotations

import aiohttp

from handlers.slack.troubles import repeatable
from handlers.slack.workspace import Workspace

UPLOAD_WITHIN = aiohttp.ClientTimeout(total=60)  # seconds


async def send_file(
    workspace: Workspace, user: str, name: str, content: bytes, comment: str, alt: str = ""
) -> None:
    """Upload a file and share it with one person; raises `Later` or `Never`."""
    with repeatable():
        chat = (await workspace.client.conversations_open(users=user))["channel"]["id"]
        leave = await workspace.client.files_getUploadURLExternal(
            filename=name, length=len(content), alt_txt=alt or None
        )
        async with (
            aiohttp.ClientSession(timeout=UPLOAD_WITHIN) as session,
            session.post(str(leave["upload_url"]), data=content) as answer,
        ):
            answer.raise_for_status()
        file: dict[str, str | None] = {"id": str(leave["file_id"]), "title": name}
        await workspace.client.files_completeUploadExternal(
            files=[file], channel_id=chat, initial_comment=comment
        )
