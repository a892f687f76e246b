"""iCalendars as the calendars of this world write them."""

from __future__ import annotations


def event(start: str, end: str, *lines: str, summary: str = "On call", uid: str = "1") -> str:
    """An event; `start` and `end` with what stands before their colon, such as `DTSTART:20261005T080000Z`."""
    inner = "\r\n".join((f"UID:{uid}@cal", start, end, f"SUMMARY:{summary}", *lines))
    return f"BEGIN:VEVENT\r\nDTSTAMP:20260101T000000Z\r\n{inner}\r\nEND:VEVENT\r\n"


def calendar(*events: str) -> bytes:
    """A calendar."""
    head = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\n"
    return f"{head}{''.join(events)}END:VCALENDAR\r\n".encode()


def shift(name: str, start: str, end: str, *lines: str) -> str:
    """An event from `20261005T080000Z` until another instant, which somebody attends."""
    attends = f"ATTENDEE;CN=somebody:mailto:{name}"
    return event(f"DTSTART:{start}", f"DTEND:{end}", attends, *lines, uid=f"{name}-{start}")
