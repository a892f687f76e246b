"""One use case a module: load, ask the core, commit once."""
