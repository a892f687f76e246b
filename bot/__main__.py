"""`python -m bot`."""

import logging
import sys

from bot import logs
from bot.cli import main

logs.configure(level=logging.CRITICAL)  # commands speak in sentences; `serve` logs
sys.exit(main(sys.argv[1:]))
