"""The stylesheet, the scripts and the icon: read once, served for ever under their digest."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from aiohttp import web

from bot.core.errors import Unknown
from handlers.web.shield import HEADERS

TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
CACHED = HEADERS | {
    "Cache-Control": "public, max-age=31536000, immutable"
}  # a year: the address holds the digest


class Static:
    """The files of one folder in memory."""

    def __init__(self, folder: Path) -> None:
        self._files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
        self._version = sha256(b"".join(self._files.values())).hexdigest()[:12]

    def url(self, name: str) -> str:
        """Return the address of a file, which changes with the content of any."""
        return f"/static/{self._version}/{name}"

    async def serve(self, request: web.Request) -> web.Response:
        """Answer with a file; an old version's address gets the new file, uncached."""
        name = request.match_info["name"]
        if name not in self._files:
            raise Unknown
        headers = CACHED if request.match_info["version"] == self._version else HEADERS
        return web.Response(
            body=self._files[name], content_type=TYPES[Path(name).suffix], charset="utf-8", headers=headers
        )
