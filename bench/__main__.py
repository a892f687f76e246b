"""`python -m bench [NAME…]`: measure, print each figure with its goal; exit 1 when one is missed."""

from __future__ import annotations

import asyncio
import json
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import uvloop

from bench import doors, intake, pending, planning, starting, storm, waiting
from bench.figures import Figure
from bench.processes import LOAD_CPUS, SERVER_CPUS, BenchBroken
from bench.run import Run
from bench.scale import FULL, QUICK

PARTS: Mapping[str, tuple[Callable[[Run], Awaitable[list[Figure]]], str]] = {
    "intake": (intake.measure, "requests a second, with and without storing, against bare aiohttp"),
    "waiting": (waiting.measure, "from a decision to the agent that waits for it, among many that wait"),
    "doors": (doors.measure, "each door's intake beside our own, and decisions to real SDK clients"),
    "pending": (pending.measure, "many pending: sweep, deadlines, memory, start, timers, the log"),
    "planning": (planning.measure, "50 rules, and the same as generated Python"),
    "starting": (
        starting.measure,
        "a cold start beside that of a bare aiohttp, and what each chat adds",
    ),
    "storm": (storm.measure, "a storm in one Slack channel: others' cards, clicks, cards a second"),
}


def arguments() -> Namespace:
    """Read the command line."""
    told = "\n".join(f"  {name:10} {what}" for name, (_, what) in PARTS.items())
    parser = ArgumentParser(
        "python -m bench",
        description="Measure Assent: ratios of one run, each with its goal.",
        epilog=f"parts:\n{told}\n\nexamples:\n  python -m bench --quick\n  python -m bench intake planning",
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", metavar="NAME", nargs="*", help="parts to measure (default: all)")
    parser.add_argument("--quick", action="store_true", help="smaller counts: a look, not a figure of record")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write the figures to a file")
    parser.add_argument(
        "--folder", metavar="DIR", type=Path, help="where databases are made, for instance on another disk"
    )
    args = parser.parse_args()
    if unknown := [name for name in args.names if name not in PARTS]:
        parser.error(f"there is no part {', '.join(unknown)}; there are: {', '.join(PARTS)}")
    return args


async def measured(args: Namespace) -> list[Figure]:
    """Measure part by part, showing each part's figures as soon as they are there."""
    figures: list[Figure] = []
    with Run(QUICK if args.quick else FULL, args.folder) as run:
        run.say(f"servers on processors {sorted(SERVER_CPUS)}, load on {sorted(LOAD_CPUS)}")
        for name in args.names or PARTS:
            for figure in await PARTS[name][0](run):
                run.show(figure)
                figures.append(figure)
        missed = sum(not figure.met for figure in figures)
        run.say(f"{len(figures) - missed} of {len(figures)} goals reached")
    return figures


def main() -> int:
    """Measure; return 1 when a goal is missed, 2 when nothing could be measured."""
    args = arguments()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            figures = runner.run(measured(args))
    except BenchBroken as broken:
        print(broken, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    if args.json:
        args.json.write_text(json.dumps([figure.as_json() for figure in figures], indent=1) + "\n", "utf-8")
    return 0 if all(figure.met for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
