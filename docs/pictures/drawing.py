"""Take the pictures of Slack: scenes from the bot, drawn by npm's slack-blocks-to-jsx, in Chromium."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import tempfile
from html import escape
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.async_api import Browser

from docs.pictures.plays import PLAYS
from docs.pictures.scenes import Blocks, Scene, staged

HERE = Path(__file__).parent
FOLDER = HERE / "slack"
CACHE = Path.home() / ".cache" / "assent-pictures"
PACKAGES = (
    "slack-blocks-to-jsx@1.1.1",
    "react@18.3.1",
    "react-dom@18.3.1",
    "@fontsource/lato@5.3.0",  # Slack's own typeface
    "@twemoji/svg@15.0.0",  # Slack draws emoji itself, too
)
STYLES = (
    "slack-blocks-to-jsx/dist/style.css",
    *(f"@fontsource/lato/{weight}.css" for weight in (400, 700, 900)),
)
EMOJI = re.compile("([⏳⛔✅▫❔👀🔨🚨🤝🌴🌙])\ufe0f?")
# What the package adds and Slack does not.
INVENTED = ("<p>↵ Please &#x27;enter&#x27; to submit</p>", "Write something")
COLOURS = 128  # of a picture: small files that still look smooth
LOGO = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 72 72"><rect width="72" height="72" rx="12"
fill="#17503f"/><path d="M20 38l11 11 22-27" fill="none" stroke="#fff" stroke-width="7"
stroke-linecap="round" stroke-linejoin="round"/></svg>"""
FRAME = """
:root {{ color-scheme: {scheme}; }}
body {{ margin: 0; padding: 20px; background: {paper}; color: {ink}; width: 640px; }}
body, body * {{ font-family: Lato, sans-serif; }}
.emoji {{ display: inline-block !important; width: 1.2em !important; height: 1.2em !important;
  vertical-align: -0.22em; }}
body code, body code *, body pre, body pre * {{
  font-family: "Liberation Mono", "DejaVu Sans Mono", monospace !important; }}
body {{ font-size: 15px; line-height: 1.46; }}
/* In Slack each section of rich text is a line of its own. */
.slack_blocks_to_jsx__rich_text_section_element {{ display: block !important; }}
.modal *:not(button), .home *:not(button) {{ background-color: transparent !important; }}
.modal {{ width: 520px; border: 1px solid {line}; border-radius: 12px; background: {panel}; overflow: hidden;
  box-shadow: 0 6px 24px rgb(0 0 0 / .18); }}
.modal header, .modal footer {{ display: flex; align-items: center; padding: 16px 24px; }}
.modal header {{ font-size: 20px; font-weight: 900; border-bottom: 1px solid {line}; }}
.modal footer {{ justify-content: flex-end; gap: 12px; border-top: 1px solid {line}; }}
.modal .inside {{ padding: 12px 24px; }}
.modal footer button {{ font: 700 15px Lato, "Noto Sans", sans-serif; padding: 8px 14px; border-radius: 8px;
  border: 1px solid {line}; background: none; color: inherit; }}
.modal footer button.go {{ background-color: #007a5a !important; border-color: #007a5a; color: #fff; }}
.home {{ border: 1px solid {line}; border-radius: 12px; padding: 16px 20px; background: {panel}; }}
.home .slack_blocks_to_jsx__rich_text {{ margin: 8px 0; }}
/* The package draws every field for several lines. */
.line textarea {{ height: 38px !important; min-height: 0 !important; resize: none !important;
  overflow: hidden; }}
"""
LIGHT = {"paper": "#ffffff", "panel": "#ffffff", "ink": "#1d1c1d", "line": "#dddddd", "scheme": "light"}
DARK = {"paper": "#1a1d21", "panel": "#222529", "ink": "#d1d2d3", "line": "#44474b", "scheme": "dark"}


async def take_slack(browser: Browser) -> None:
    """Play everything, and take each scene in both colour schemes."""
    drawn_by = _installed()
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        async with staged(Path(folder)) as stage:
            for play in PLAYS:
                await play(stage)
        scenes = stage.scenes
        (FOLDER / "stats.png").write_bytes(stage.stats)
    drawn = _drawn(drawn_by, scenes)
    links = "".join(f'<link rel="stylesheet" href="node_modules/{style}">' for style in STYLES)
    for scheme, colours in (("light", LIGHT), ("dark", DARK)):
        context = await browser.new_context(
            timezone_id="UTC",
            color_scheme=scheme,  # type: ignore[arg-type]  # a literal for playwright
            viewport={"width": 680, "height": 400},
            device_scale_factor=1.5,
        )
        page = await context.new_page()
        for scene in scenes:
            inside = _framed(scene, drawn[f"{scene.name}-{scheme}"])
            head = f'<meta charset="utf-8">{links}<style>{FRAME.format(**colours)}</style>'
            shown = drawn_by / "shown.html"
            shown.write_text(f"<!doctype html><html><head>{head}</head><body>{inside}</body></html>", "utf-8")
            await page.goto(shown.as_uri(), wait_until="load")
            await page.evaluate("document.fonts.ready.then(() => 0)")
            _save(await page.locator("body").screenshot(), FOLDER / f"{scene.name}-{scheme}.png")
        await context.close()


def _framed(scene: Scene, html: str) -> str:
    logo = base64.b64encode(LOGO.encode()).decode()
    for added in INVENTED:
        html = html.replace(added, "")
    for field in _one_line(scene.blocks):
        html = html.replace(f'<div id="{field}" class="', f'<div id="{field}" class="line ')
    html = EMOJI.sub(lambda found: _emoji(found[1]), html)
    html = html.replace('src="LOGO"', f'src="data:image/svg+xml;base64,{logo}"')
    if scene.kind == "message":
        return html
    if scene.kind == "home":
        return f'<div class="home">{html}</div>'
    submit = f'<button class="go">{escape(scene.submit)}</button>' if scene.submit else ""
    return (
        f'<div class="modal"><header>{escape(scene.title)}</header><div class="inside">{html}</div>'
        f"<footer><button>{escape(scene.close)}</button>{submit}</footer></div>"
    )


def _one_line(blocks: Blocks) -> list[str]:
    """Return the fields that take one line of text."""
    fields = [block["element"] for block in blocks if block["type"] == "input"]
    texts = [one for one in fields if one["type"] == "plain_text_input"]
    return [one["action_id"] for one in texts if not one.get("multiline")]


def _emoji(char: str) -> str:
    return f'<img class="emoji" src="node_modules/@twemoji/svg/{ord(char):x}.svg" alt="">'


def _save(png: bytes, path: Path) -> None:
    Image.open(BytesIO(png)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(
        path, "PNG", optimize=True
    )


def _drawn(folder: Path, scenes: list[Scene]) -> dict[str, str]:
    given = json.dumps([vars(scene) for scene in scenes])
    done = subprocess.run(
        ["node", str(HERE / "blocks.mjs"), str(folder)],
        input=given,
        capture_output=True,
        text=True,
        check=True,
    )
    drawn: dict[str, str] = json.loads(done.stdout)
    return drawn


def _installed() -> Path:
    """Return the folder into which npm installed what draws; once, kept between runs."""
    needed = (*STYLES, "@twemoji/svg")
    if not all((CACHE / "node_modules" / name).exists() for name in needed):
        npm = shutil.which("npm")
        assert npm is not None, "the pictures of Slack are drawn by an npm package: install Node"
        CACHE.mkdir(parents=True, exist_ok=True)
        quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(CACHE)]
        subprocess.run([npm, "install", *quiet, *PACKAGES], check=True, capture_output=True)
    return CACHE
