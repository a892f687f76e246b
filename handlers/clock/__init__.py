"""The metronome: APScheduler rings, nothing is stored in it."""

from handlers.clock.metronome import Bell, Metronome, Work

__all__ = ["Bell", "Metronome", "Work"]
