"""`python -m assent`."""

import sys

from assent.shell.main import main

if __name__ == "__main__":
    sys.exit(main())
