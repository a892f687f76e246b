"""Assent decides here: people's approvals for what agents want to do."""
