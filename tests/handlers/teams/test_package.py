"""The app package is what Microsoft's own schema says, and says what the code does."""

from __future__ import annotations

import json
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from PIL import Image

from bot.core.errors import Malformed
from handlers.pace import Pace
from handlers.teams.package import write_package
from tests.fakes.teams_state import APP_ID
from tests.fixtures.microsoft import node_modules
from tests.handlers.slack.cards import RENDERER
from tests.world import World

ADDRESS = "https://assent.example.com"


@pytest.fixture
def package(tmp_path: Path) -> zipfile.ZipFile:
    """The package of an installation."""
    write_package(tmp_path / "assent.zip", APP_ID, ADDRESS, RENDERER)
    return zipfile.ZipFile(tmp_path / "assent.zip")


@pytest.fixture
def manifest(package: zipfile.ZipFile) -> dict[str, Any]:
    """Its manifest."""
    loaded: dict[str, Any] = json.loads(package.read("manifest.json"))
    return loaded


def test_the_manifest_is_valid_by_microsofts_own_schema(manifest: dict[str, Any]) -> None:
    folder = node_modules() / "@microsoft" / "app-manifest" / "build" / "json-schemas" / "teams"
    schema = json.loads((folder / "v1.30" / "MicrosoftTeams.schema.json").read_text("utf-8"))
    assert manifest["$schema"].endswith("/v1.30/MicrosoftTeams.schema.json")
    assert [error.message for error in Draft7Validator(schema).iter_errors(manifest)] == []
    broken = {**manifest, "bots": [{"botId": "x"}]}
    assert list(Draft7Validator(schema).iter_errors(broken))


def test_the_package_holds_the_manifest_and_two_icons_of_the_right_size(package: zipfile.ZipFile) -> None:
    assert sorted(package.namelist()) == ["color.png", "manifest.json", "outline.png"]
    color = Image.open(BytesIO(package.read("color.png")))
    outline = Image.open(BytesIO(package.read("outline.png")))
    assert (color.size, outline.size) == ((192, 192), (32, 32))
    pixels = outline.convert("RGBA").tobytes()
    visible = {pixels[at : at + 3] for at in range(0, len(pixels), 4) if pixels[at + 3]}
    assert visible == {b"\xff\xff\xff"}  # Teams takes white on transparent, nothing else
    assert min(pixels[3::4]) == 0


def test_the_same_settings_make_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_package(tmp_path / name, APP_ID, ADDRESS, RENDERER)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_every_command_that_is_offered_is_one_that_we_know(manifest: dict[str, Any], world: World) -> None:
    notifier = world.running.delivering.outside.notifiers["teams"]
    assert notifier
    [commands] = [one["commands"] for one in manifest["bots"][0]["commandLists"]]
    assert len(commands) <= 12
    from bot.app.desk import desk_of

    async def never() -> None:
        return None

    desk = desk_of(world.running.parts, Pace(world.clock), never, None)
    known = {word.name for word in desk.vocabulary.words} | {"help"}
    assert {one["title"] for one in commands} <= known


@pytest.mark.parametrize(
    ("app_id", "address", "why"),
    [("assent", ADDRESS, "not an app id"), (APP_ID, "http://assent.test", "https"), (APP_ID, "", "https")],
)
def test_what_teams_would_refuse_is_said_before(tmp_path: Path, app_id: str, address: str, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        write_package(tmp_path / "x.zip", app_id, address, RENDERER)
    assert not (tmp_path / "x.zip").exists()
