"""Measures Assent: every figure is a ratio of one run, or a bound that the issue names."""
