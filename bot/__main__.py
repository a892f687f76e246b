"""`python -m bot`."""

import gc
import logging
import sys

gc.disable()  # what is imported stays: to walk it again and again is a sixth of the start …

from bot import logs  # noqa: E402
from bot.cli import main  # noqa: E402

gc.freeze()  # … and to walk it later, too, a twentieth
gc.enable()
logs.configure(level=logging.CRITICAL)  # commands speak in sentences; `serve` logs
sys.exit(main(sys.argv[1:]))
