"""Who is on call: read from iCalendar feeds, with a cache; unknown rather than wrong."""

from handlers.oncall.feeds import EVERY, KEPT, Feeds

__all__ = ["EVERY", "KEPT", "Feeds"]
