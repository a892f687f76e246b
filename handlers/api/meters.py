"""What Prometheus reads: counted where it happens, read where it stands."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import lru_cache

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from bot.core.terms import Change, Entry, EntryKind

# Seconds. The upper half is for long polls (30 s at most).
ANSWER_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30)
# Seconds: from a policy's answer to a person's next working day.
DECISION_BUCKETS = (0.01, 1, 10, 60, 300, 900, 3600, 14400, 86400)
LABELS_MAX = 1000
DECIDED = frozenset({EntryKind.APPROVED, EntryKind.DENIED, EntryKind.EXPIRED, EntryKind.CANCELLED})


class Meters:
    """The process's own figures, counted from what was made durable."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._answers = Histogram(
            "assent_http_answer_seconds",
            "Time to an answer, by route; long polls included.",
            ("method", "route", "status"),
            buckets=ANSWER_BUCKETS,
            registry=self._registry,
        )
        self._entries = Counter(
            "assent_entries",
            "Audit entries: what happened (`kind`) and how (`decision`).",
            ("kind", "decision"),
            registry=self._registry,
        )
        self._decisions = Histogram(
            "assent_decision_seconds",
            "Time from the ask to its end, by how it ended.",
            ("state",),
            buckets=DECISION_BUCKETS,
            registry=self._registry,
        )
        self._readings = Gauge(
            "assent_reading", "How things stand now, by name.", ("name",), registry=self._registry
        )
        # `labels` costs more than counting; there are as many as routes, statuses, kinds and decisions.
        self._answer = lru_cache(LABELS_MAX)(self._answers.labels)
        self._entry = lru_cache(LABELS_MAX)(self._entries.labels)
        self.timing = self._timing()

    def committed(self, change: Change) -> None:
        """Time a decision, if the change is one."""
        for entry in change.entries:
            if entry.kind in DECIDED and change.after is not None and change.after.decided_at is not None:
                took = change.after.decided_at - change.after.created_at
                self._decisions.labels(change.after.state.value).observe(took.total_seconds())

    def logged(self, entries: Iterable[Entry]) -> None:
        """Count what the log tells."""
        for entry in entries:
            self._entry(entry.kind, entry.decision or "").inc()

    def read(self, name: str, value: float) -> None:
        """Keep a reading."""
        self._readings.labels(name).set(value)

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self._registry)

    def _timing(self) -> Middleware:
        @web.middleware
        async def timing(request: web.Request, handler: Handler) -> web.StreamResponse:
            clock = asyncio.get_running_loop().time
            began = clock()
            response = await handler(request)
            resource = request.match_info.route.resource
            # What no route takes shares one label: nothing from outside may add labels.
            label = (request.method, resource.canonical) if resource else ("any", "none")
            self._answer(*label, response.status).observe(clock() - began)
            return response

        return timing
