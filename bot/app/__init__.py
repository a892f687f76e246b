"""The composition root: the one place that knows every part.

`parts` builds what commands and the server share; `built` adds the surfaces; `serve` runs it.
"""

from bot.app.parts import NotMigrated, Parts, parts
from bot.app.server import Running, built, serve

__all__ = ["NotMigrated", "Parts", "Running", "built", "parts", "serve"]
