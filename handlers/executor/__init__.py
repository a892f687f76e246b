"""Talks to executors: signed callbacks out, through one egress gate."""
