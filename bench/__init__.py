"""Measures Assent: every figure is a ratio of one run, or stands against a bound."""
