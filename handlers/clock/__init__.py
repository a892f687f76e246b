"""The metronome: APScheduler rings, nothing is stored in it."""

from handlers.clock.metronome import Bell, Metronome

__all__ = ["Bell", "Metronome"]
