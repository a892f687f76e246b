"""Decides: values in, frozen values out. No clock, no database, no network."""
