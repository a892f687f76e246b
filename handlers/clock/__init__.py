"""The metronome: APScheduler rings, nothing is stored in it."""

from handlers.clock.metronome import Metronome

__all__ = ["Metronome"]
