"""Files as Slack takes them today: leave to upload, the bytes at another address, then shared somewhere."""

from typing import Any

from aiohttp import web

from tests.fakes.slack_blocks import Refused
from tests.fakes.slack_state import BOT_USER, Json, Message, State, Upload

ALT_MAX = 1000  # characters
SIZE_MAX = 1024**3  # bytes


def leave(state: State, origin: str, arguments: Json) -> Json:
    """Answer files.getUploadURLExternal: where the bytes go."""
    name, length = arguments.get("filename", ""), str(arguments.get("length", ""))
    if not name:
        raise Refused("invalid_arguments", "filename is missing")
    if not length.isdigit() or not 0 < int(length) <= SIZE_MAX:
        raise Refused("invalid_arguments", f"length {length!r}")
    if len(arguments.get("alt_txt", "")) > ALT_MAX:
        raise Refused("alt_txt_too_large", str(len(arguments["alt_txt"])))
    upload = Upload(f"F{state.next():08d}", name, int(length), arguments.get("alt_txt", ""))
    state.uploads[upload.id] = upload
    return {"upload_url": f"{origin}/upload/{upload.id}", "file_id": upload.id}


async def take(state: State, request: web.Request) -> web.Response:
    """Take the bytes; needs no token, for only we know the address."""
    upload = state.uploads.get(request.match_info["id"])
    if upload is None or upload.content is not None:
        return web.Response(status=404, text="no such upload")
    content = await request.read()
    if len(content) != upload.length:
        state.refusals.append(f"upload {upload.name}: {len(content)} bytes, not {upload.length}")
        return web.Response(status=400, text="length mismatch")
    upload.content = content
    return web.Response(text=f"OK - {len(content)}")


def share(state: State, arguments: Json) -> Json:
    """Answer files.completeUploadExternal: each file becomes visible, once, in one conversation."""
    named: list[dict[str, Any]] = arguments.get("files") or []
    if not named:
        raise Refused("invalid_arguments", "files is missing")
    uploads = []
    for one in named:
        upload = state.uploads.get(one.get("id", ""))
        if upload is None or upload.channel is not None:
            raise Refused("file_not_found", str(one))
        if upload.content is None:
            raise Refused("file_update_failed", f"{upload.name} was never sent")
        uploads.append(upload)
    channel = state.conversations.get(arguments.get("channel_id", ""))
    if channel is None:
        raise Refused("channel_not_found", str(arguments.get("channel_id")))
    if BOT_USER not in channel.members:
        raise Refused("not_in_channel", channel.name)
    comment = arguments.get("initial_comment", "")
    for upload in uploads:
        upload.channel, upload.comment = channel.id, comment
    message = Message(channel.id, state.ts(), comment, [], None, None, files=uploads)
    channel.messages.append(message)
    return {"files": [{"id": upload.id, "title": upload.name} for upload in uploads]}
