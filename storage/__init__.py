"""Remembers: tables, migrations and the one writer."""
