"""policy: check, test, explain and compare bundles, without touching the running server."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from datetime import UTC
from pathlib import Path

from bot.cli.call import Call
from bot.cli.compared import differences
from bot.cli.parser import Chapter, Command
from bot.cli.reading import count, instant
from bot.clock import wall
from bot.conditions import compile_condition
from bot.core.action import read_ask
from bot.core.policy import (
    Bundle,
    CaseResult,
    Directory,
    Explanation,
    PolicyBroken,
    explain,
    read_bundle,
    read_cases,
    read_directory,
    run_cases,
    schema,
    uncovered,
)
from bot.core.terms import Agent, AgentName, Effect, PersonName, Plan
from bot.services.rehearsing import played
from storage.files import DIRECTORY, read_folder, split

DOES_NOT_LOAD, CASE_FAILED = 3, 4  # exit codes; docs/policy.md tells them
COMMITMENT = "0" * 64  # stands for the redacted values of an explanation


def load(folder: Path) -> tuple[Bundle, Directory, dict[str, str]]:
    """Return the bundle, the directory and the test files of a folder; raises `PolicyBroken`."""
    files, directory_text, tests = split(read_folder(folder))
    directory = read_directory(directory_text, DIRECTORY)
    return read_bundle(files, compile_condition, directory), directory, tests


async def check(call: Call) -> int:
    """Load the policy and say what is wrong with it, at file:line:column; exit 3 when it does not load."""
    folder = _folder(call)
    try:
        bundle, directory, _ = load(folder)
    except PolicyBroken as broken:
        call.terminal.bad(f"The policy does not load.\n{broken}")
        return DOES_NOT_LOAD
    for text in bundle.warnings:
        call.terminal.warn(text)
    counts = f"{len(bundle.actions)} actions, {len(bundle.rules)} rules, {len(directory.people)} people"
    call.terminal.good(f"{folder} loads: {counts}.")
    call.terminal.result(bundle.digest)
    return 0


async def test(call: Call) -> int:
    """Run the cases of `*_test.yaml`; exit 3 when something does not load, 4 when a case fails."""
    try:
        bundle, directory, tests = load(_folder(call))
        cases = read_cases(tests)
    except PolicyBroken as broken:
        call.terminal.bad(f"The policy does not load.\n{broken}")
        return DOES_NOT_LOAD
    results = run_cases(bundle, directory, cases, played)
    failed = [result for result in results if result.problems]
    for result in results:
        _show_case(call, result)
    untried = uncovered(bundle, results)
    if untried:
        call.terminal.warn(f"No case tries {', '.join(untried)}.")
    call.terminal.result(f"{len(results) - len(failed)} of {len(results)} cases hold")
    return CASE_FAILED if failed else 0


async def explained(call: Call) -> int:
    """Say which plan an action would get, and why."""
    args = call.args
    bundle, directory, _ = load(_folder(call))
    body = _body(args.file)
    now = args.now or wall()
    people = frozenset(map(PersonName, args.acts_for or (args.owner,)))
    agent = Agent(AgentName(args.agent), PersonName(args.owner), people, False, 1, 1, now.astimezone(UTC))
    found = explain(
        bundle, directory, agent, read_ask(body), now, {}, executes=False, commit=lambda _: COMMITMENT
    )
    _show_explanation(call, found)
    return 0


async def print_schema(call: Call) -> int:
    """Print the JSON Schema of a bundle, for editors."""
    call.terminal.result(json.dumps(schema(), indent=1))
    return 0


async def diff(call: Call) -> int:
    """Replay past requests on another bundle: was → would be."""
    bundle, directory, _ = load(call.args.candidate)
    async with call.parts() as parts:
        requests = await parts.store.recent(call.args.limit, None)
        registry = await parts.store.registry()
    rows = differences(requests, registry, bundle, directory)
    titles = ("REQUEST", "ACTION", "WAS", "WOULD BE")
    call.terminal.table(titles, rows, f"None of {len(requests)} past requests would be planned otherwise.")
    return 0


def _body(file: str) -> bytes:
    return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()


def _folder(call: Call) -> Path:
    folder: Path | None = call.args.policy
    return folder if folder is not None else call.settings().policy


def _show_case(call: Call, result: CaseResult) -> None:
    place = f"{result.case.place.file}:{result.case.place.line}"
    if not result.problems:
        call.terminal.good(f"{result.case.name}")
        return
    call.terminal.bad(f"{result.case.name} ({place})")
    for problem in result.problems:
        call.terminal.say(f"    {problem}")


def _show_explanation(call: Call, found: Explanation) -> None:
    plan = found.plan
    call.terminal.result(f"{plan.effect.value}: {plan.title}" + (f" ({plan.reason})" if plan.reason else ""))
    for considered in found.considered:
        mark = "✓" if considered.matched else "·"
        call.terminal.result(f"  {mark} {considered.rule} ({considered.effect.value}): {considered.why}")
    if found.others:
        call.terminal.result(f"  · {found.others} rules are about other actions")
    for line in (*_clocks(plan), *found.merged):
        call.terminal.result(f"  {line}")


def _clocks(plan: Plan) -> list[str]:
    stages = [
        f"stage {s.name}: {s.quorum} of {', '.join(s.approvers)}, ended by {s.deny} against"
        for s in plan.stages
    ]
    if plan.effect is Effect.DENY:
        return []
    approve, execute = (one.total_seconds() / 60 for one in (plan.approve_within, plan.execute_within))
    runs = f"{plan.executor or 'the agent itself'} has {execute:g} min to run it"
    return [*stages, f"people have {approve:g} min; then {runs}"] if stages else [runs]


def _folder_argument(parser: ArgumentParser) -> None:
    parser.add_argument("policy", metavar="FOLDER", nargs="?", type=Path, help="default: ASSENT_POLICY")


def _explain_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE", help="the body of POST /v1/requests; `-` reads standard input"
    )
    parser.add_argument("--agent", metavar="NAME", default="agent", help="who asks (default: agent)")
    parser.add_argument(
        "--owner", metavar="PERSON", default="nobody", help="who answers for it, and never reviews it"
    )
    parser.add_argument(
        "--acts-for",
        metavar="PERSON",
        action="append",
        help="repeat for more; default: the owner",
    )
    parser.add_argument("--now", metavar="INSTANT", type=instant, help="as if it were then")
    parser.add_argument("--policy", metavar="FOLDER", type=Path, help="default: ASSENT_POLICY")


def _diff_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "candidate", metavar="FOLDER", type=Path, help="the bundle that would come into force"
    )
    parser.add_argument("--limit", type=count, default=500, help="at most so many requests (default: 500)")


CHAPTER = Chapter(
    "What needs whose approval",
    (
        Command(
            "policy check",
            "load the policy, and say what is wrong with it (exit 0, 3)",
            check,
            ("policy check", "policy check examples/policy"),
            _folder_argument,
        ),
        Command(
            "policy test",
            "run the cases in *_test.yaml (exit 0, 3, 4)",
            test,
            ("policy test", "policy test examples/policy"),
            _folder_argument,
        ),
        Command(
            "policy explain",
            "which plan an action would get, and why",
            explained,
            (
                "policy explain ask.json --agent deployer --owner ana",
                "policy explain ask.json --agent deployer --owner ana --acts-for bo",
                "policy explain - < ask.json",
            ),
            _explain_arguments,
        ),
        Command(
            "policy diff",
            "replay past requests on another bundle: was → would be",
            diff,
            ("policy diff ../new-policy", "policy diff ../new-policy --limit 5000"),
            _diff_arguments,
        ),
        Command(
            "policy schema",
            "the JSON Schema of a bundle, for editors",
            print_schema,
            ("policy schema > policy.schema.json",),
        ),
    ),
)
