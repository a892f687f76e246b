"""Two replicas with clocks of their own over one store; either may die between deciding and committing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bot.core.errors import Refusal, Stale
from bot.core.machine import Command, step
from bot.core.terms import Change, Request, State
from tests.core.builders import NOON, tick
from tests.core.histories import Judge, Wish, apt, meant, new_requests, usual_requests, usual_roster, wishes

SKEW = st.integers(-30, 30).map(lambda number: timedelta(seconds=number))
PAUSES = st.sampled_from([timedelta(seconds=number) for number in (1, 29, 60, 240, 300, 595, 1500)])
ENDS = set(State) - {State.PENDING, State.APPROVED, State.RELEASED}


@dataclass(slots=True)
class Replica:
    """A process: its clock's error, and what it has decided but not yet committed."""

    skew: timedelta
    wish: Wish | Command | None = None
    change: Change | None = None
    command: Command | None = None
    at: datetime = NOON


class Store:
    """One row with a compare-and-swap, as a list of what stood there."""

    def __init__(self, first: Change) -> None:
        self.judge = Judge(first)

    def get(self) -> Request:
        """What stands."""
        return self.judge.request

    def commit(self, change: Change, command: Command, now: datetime) -> None:
        """Put the change there if it was decided on what stands."""
        if change.expected != self.get().version:
            raise Stale
        self.judge.see(change, command, now)


class Replicas(RuleBasedStateMachine):
    """Everything that two processes can do to one request."""

    @initialize(first=usual_requests | new_requests, one=SKEW, other=SKEW)
    def start(self, first: Change, one: timedelta, other: timedelta) -> None:
        """Both come up with a request there."""
        self.now = NOON
        self.store = Store(first)
        self.replicas = [Replica(one), Replica(other)]

    @rule(pause=PAUSES)
    def time_passes(self, pause: timedelta) -> None:
        """For everybody alike."""
        self.now += pause

    @rule(which=st.integers(0, 1), skew=SKEW)
    def a_clock_is_set(self, which: int, skew: timedelta) -> None:
        """One process's clock jumps."""
        self.replicas[which].skew = skew

    @rule(which=st.integers(0, 1), wish=wishes)
    def somebody_acts(self, which: int, wish: Wish | Command) -> None:
        """A process reads, and decides on what it read; it has not committed yet."""
        self._decide(self.replicas[which], wish)

    @rule(which=st.integers(0, 1))
    def the_sweep_runs(self, which: int) -> None:
        """A process rings for what is due by its own clock."""
        self._decide(self.replicas[which], tick(usual_roster))

    @rule(one=apt, other=apt, first=st.integers(0, 1), dies=st.sampled_from((None, None, 0, 1)))
    def both_act_at_once(self, one: Wish, other: Wish, first: int, dies: int | None) -> None:
        """Both decide on what stands before either commits; one may die in between."""
        for replica, wish in zip(self.replicas, (one, other), strict=True):
            self._decide(replica, wish)
        for which in (first, 1 - first):
            if which == dies:
                self.it_dies(which)
            else:
                self.it_commits(which)

    @precondition(lambda self: any(replica.change for replica in self.replicas))
    @rule(which=st.integers(0, 1))
    def it_commits(self, which: int) -> None:
        """The decision becomes durable; if another was first, it is taken again on what stands now."""
        replica = self.replicas[which]
        while replica.change is not None and replica.command is not None:
            try:
                self.store.commit(replica.change, replica.command, replica.at)
                replica.change = None
            except Stale:
                assert replica.wish is not None
                self._decide(replica, replica.wish)

    @rule(which=st.integers(0, 1))
    def it_dies(self, which: int) -> None:
        """Whatever it had not committed is gone."""
        self.replicas[which] = Replica(self.replicas[which].skew)

    def _decide(self, replica: Replica, wish: Wish | Command) -> None:
        request = self.store.get()
        replica.wish, replica.command, replica.change = wish, meant(wish, request), None
        replica.at = self.now + replica.skew
        try:
            replica.change = step(request, replica.command, replica.at)
        except Refusal:
            return

    def teardown(self) -> None:
        """When everybody has gone, time alone brings it to an end."""
        if not hasattr(self, "store"):
            return
        for _ in range(20):
            if (due := self.store.get().due_at) is None:
                break
            command = tick(usual_roster)
            self.store.commit(step(self.store.get(), command, due), command, due)
        state = self.store.get().state
        assert state in ENDS or (state is State.APPROVED and self.store.get().grant is None)


def test_no_race_and_no_crash_releases_what_was_not_approved() -> None:
    run_state_machine_as_test(Replicas, settings=settings(max_examples=120, stateful_step_count=30))


@pytest.mark.soak
def test_not_even_in_twenty_thousand_races() -> None:
    run_state_machine_as_test(Replicas, settings=settings(max_examples=20_000, stateful_step_count=30))
