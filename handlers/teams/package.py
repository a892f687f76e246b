"""The app package that an admin uploads in Teams: a manifest and two icons."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import orjson

from bot.core.errors import Malformed
from handlers.render import Renderer

VERSION = "1.0.0"  # of the package; Teams takes a changed one only under a higher number
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
WHEN = (1980, 1, 1, 0, 0, 0)  # the same settings make the same bytes
ICONS = ("color.png", "outline.png")  # 192 and 32 pixels square; the second white on transparent
DEVELOPER_MAX = 32  # characters


def write_package(file: Path, app_id: str, public_url: str, renderer: Renderer) -> None:
    """Write the package; raises `Malformed` for an id or an address that Teams would refuse."""
    if not GUID.fullmatch(app_id):
        raise Malformed(f"{app_id} is not an app id: it reads like aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee.")
    address = urlsplit(public_url)
    if address.scheme != "https" or not address.hostname:
        raise Malformed("Teams calls https addresses only: set ASSENT_PUBLIC_URL to the one people use.")
    manifest = renderer.json(
        "teams/manifest.json.j2",
        app_id=app_id.lower(),
        version=VERSION,
        url=public_url.rstrip("/"),
        domain=address.hostname,
        developer=address.hostname[:DEVELOPER_MAX],
    )
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as package:
        _add(package, "manifest.json", orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
        for icon in ICONS:
            _add(package, icon, (renderer.folder / "teams" / icon).read_bytes())


def _add(package: zipfile.ZipFile, name: str, content: bytes) -> None:
    package.writestr(zipfile.ZipInfo(name, WHEN), content, zipfile.ZIP_DEFLATED)
