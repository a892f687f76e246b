"""ISO 8601 durations: `PT10M`, `P1DT12H`, `P2W`. No years and months: they have no fixed length."""

import re
from datetime import timedelta

from bot.core.errors import Malformed

LONGEST = timedelta(days=3650)  # so that an instant plus any duration is still an instant
_NUMBER = "[0-9]{1,9}"
_WEEKS = re.compile("P([0-9]{1,8})W")
_DAYS = re.compile(
    rf"P(?=.)(?:([0-9]{{1,8}})D)?(?:T(?=.)(?:({_NUMBER})H)?(?:({_NUMBER})M)?(?:({_NUMBER})(?:\.([0-9]{{1,6}}))?S)?)?"
)


def duration(text: str) -> timedelta:
    """Read `PnW` or `PnDTnHnMnS` (seconds with at most six decimals), or raise `Malformed`."""
    if found := _WEEKS.fullmatch(text):
        length = timedelta(weeks=int(found[1]))
    elif found := _DAYS.fullmatch(text):
        days, hours, minutes, seconds = (int(part or 0) for part in found.groups()[:4])
        micros = int((found[5] or "0").ljust(6, "0"))
        length = timedelta(days, seconds, micros, minutes=minutes, hours=hours)
    else:
        raise Malformed("A duration is written like PT10M, P1DT12H or P2W.")
    if length > LONGEST:
        raise Malformed(f"A duration is at most {iso_duration(LONGEST)}.")
    return length


def iso_duration(length: timedelta) -> str:
    """Write a duration that is not negative, so that `duration` reads the same back."""
    if length < timedelta(0):
        raise ValueError("a duration is not negative")
    minutes, seconds = divmod(length.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    decimals = f".{length.microseconds:06d}".rstrip("0") if length.microseconds else ""
    days = f"{length.days}D" if length.days else ""
    clock = "".join(f"{count}{unit}" for count, unit in ((hours, "H"), (minutes, "M")) if count)
    if seconds or decimals:
        clock += f"{seconds}{decimals}S"
    return f"P{days}T{clock}" if clock else f"P{days or 'T0S'}"
