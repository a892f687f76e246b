"""A sample executor; see `__main__`."""
