"""Hold the tree against the import contracts in pyproject.toml."""

import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]


def broken_contracts() -> str:
    """What `lint-imports` has to complain about; empty when every contract is kept."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=TOP,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr if done.returncode else ""


if __name__ == "__main__":
    sys.exit(broken_contracts() or 0)
