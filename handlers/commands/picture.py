"""The small picture of `stats`: what became of each day's requests, as a PNG."""

from __future__ import annotations

from datetime import date, timedelta
from io import BytesIO
from typing import TYPE_CHECKING

from bot.core.counts import Counts
from bot.core.terms import State

if TYPE_CHECKING:
    from PIL import ImageDraw, ImageFont

WIDTH, HEIGHT = 960, 360  # pixels; shown at half of it, so that it is sharp on a fine screen
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 96, 44  # around the bars
BAR_MAX = 72  # pixels; a few days are no wall of colour
INK, FAINT, PAPER, GRID = "#1c1e22", "#5b5e66", "#fffefb", "#e2ded4"  # as on the web pages
# Told apart by their lightness too, for those who do not tell red from green.
BANDS = (
    ("went ahead", "#17503f", (State.APPROVED, State.RELEASED, State.SUCCEEDED, State.UNREPORTED)),
    ("failed", "#7f1f10", (State.FAILED,)),
    ("denied", "#d8573f", (State.DENIED,)),
    ("expired", "#e9bd62", (State.EXPIRED,)),
    ("withdrawn", "#9aa0aa", (State.CANCELLED, State.REVOKED, State.LAPSED)),
    ("waiting", "#cfd9e8", (State.PENDING,)),
)


def drawn(counts: Counts) -> bytes:
    """Return the picture: a bar a day, its parts from the bottom up in the order of the legend."""
    from PIL import Image, ImageDraw  # a start need not wait for what few ever ask for

    image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw = ImageDraw.Draw(image)
    days = _days(counts)
    span = f"the {len(days)} days to " if len(days) > 1 else ""
    draw.text((LEFT, 18), f"Requests a day, {span}{days[-1]:%-d %B %Y}", INK, _font(24))
    _legend(draw, counts)
    highest = max((sum(of_day.values()) for of_day in counts.days.values()), default=0)
    _grid(draw, highest)
    step = (WIDTH - LEFT - RIGHT) / len(days)
    for number, day in enumerate(days):
        _bar(draw, counts, day, highest, LEFT + number * step, step)
    _dates(draw, days, step)
    written = BytesIO()
    image.quantize(64).save(written, "PNG", optimize=True)
    return written.getvalue()


def said(counts: Counts) -> str:
    """Return in words what the picture shows, for those who do not see it."""
    parts = [f"{_of(counts, states)} {name}" for name, _, states in BANDS]
    return f"Requests a day since {counts.since_at:%Y-%m-%d}: {', '.join(parts)}."


def _days(counts: Counts) -> list[date]:
    first, last = counts.since_at.date(), counts.until_at.date()
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _of(counts: Counts, states: tuple[State, ...]) -> int:
    return sum(counts.states.get(state, 0) for state in states)


def _legend(draw: ImageDraw.ImageDraw, counts: Counts) -> None:
    x, font = float(LEFT), _font(17)
    for name, colour, states in BANDS:
        count = _of(counts, states)
        if not count:
            continue
        draw.rounded_rectangle((x, 61, x + 14, 75), 3, colour)
        text = f"{name} {_short(count)}"
        draw.text((x + 21, 57), text, FAINT, font)
        x += 21 + draw.textlength(text, font) + 24


def _short(count: int) -> str:
    """Write a count so that six of them fit beside each other."""
    return f"{count:,}" if count < 10_000 else f"{count / 1000:,.0f}k"


def _grid(draw: ImageDraw.ImageDraw, highest: int) -> None:
    for part in (0, highest) if highest else (0,):
        y = _height(part, highest)
        draw.line((LEFT, y, WIDTH - RIGHT, y), GRID, 2)
        draw.text((LEFT - 12, y), f"{part:,}", FAINT, _font(16), anchor="rm")


def _height(count: int, highest: int) -> float:
    floor = HEIGHT - BOTTOM
    return floor - (floor - TOP) * count / highest if highest else floor


def _bar(draw: ImageDraw.ImageDraw, counts: Counts, day: date, highest: int, x: float, step: float) -> None:
    below, gap = 0, max(min(step * 0.25, 8), step - BAR_MAX)
    for _, colour, states in BANDS:
        count = sum(counts.days.get(day, {}).get(state, 0) for state in states)
        if count:
            box = (x + gap / 2, _height(below + count, highest), x + step - gap / 2, _height(below, highest))
            draw.rectangle(box, colour)
            below += count


def _dates(draw: ImageDraw.ImageDraw, days: list[date], step: float) -> None:
    every = max(1, len(days) // 6)
    for number in range(0, len(days), every):
        x = LEFT + (number + 0.5) * step
        text = f"{days[number]:%-d %b}"
        if x + draw.textlength(text, _font(16)) / 2 <= WIDTH:
            draw.text((x, HEIGHT - BOTTOM + 10), text, FAINT, _font(16), anchor="ma")


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(size)
