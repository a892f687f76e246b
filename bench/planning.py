"""Planning: 50 rules in the policy's own engine, and the same rules as generated Python."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from statistics import median
from types import CodeType
from typing import Any

from bench.figures import Figure, at_most
from bench.ground import ACTION, RULES, body, bundle, directory
from bench.run import Run
from bot.conditions import compile_condition
from bot.core.action import read_ask
from bot.core.policy import plan, read_bundle, read_directory
from bot.core.policy.judging import facts
from bot.core.policy.planning import judge
from bot.core.terms import Agent, AgentName, Effect, PersonName, Subject

NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
BATCH = 200  # calls between two looks at the clock
MATCHING = 3
AGENT = Agent(
    AgentName("deployer"), PersonName("boss"), frozenset({PersonName("p9")}), False, 10**9, 10**9, NOW
)


async def measure(run: Run) -> list[Figure]:
    """Time whole plans, then judgements beside the same as generated Python."""
    planned = _planning(run.scale.plans)
    ours, generated = _judging(run.scale.plans)
    shares = [one / other for one, other in zip(ours, generated, strict=True)]
    told = f"{median(ours) * 1e6:.0f} µs over {median(generated) * 1e6:.1f} µs; {RULES} conditions in each"
    return [
        at_most(
            100, f"planning with {RULES} rules, {MATCHING} match with a condition each", planned * 1e6, " µs"
        ),
        at_most(8, f"judging {RULES} rules / the same as generated Python", median(shares), told=told),
    ]


def _planning(calls: int) -> float:
    """Return seconds of processor for one plan by the policy that the intake has, too."""
    people = read_directory(directory(), "directory.yaml")
    policy = read_bundle({"bundle.yaml": bundle()}, compile_condition, people)
    ask = read_ask(body())

    def once() -> None:
        plan(policy, people, AGENT, ask, NOW, {}, executes=False, commit=bytes.hex)

    found = plan(policy, people, AGENT, ask, NOW, {}, executes=False, commit=bytes.hex)
    assert [str(rule) for rule in found.rules] == [f"match-{n + 1}" for n in range(MATCHING)]
    return median(_timed(once, calls))


def _judging(calls: int) -> tuple[list[float], list[float]]:
    """Return seconds for one judgement, ours and generated, round by round in turn."""
    people = read_directory(directory(), "directory.yaml")
    policy = read_bundle({"bundle.yaml": _every_rule()}, compile_condition, people)
    ask = read_ask(body())
    subject = Subject(AGENT.name, ask.on_behalf_of)
    asked = facts(ask.action, ask.resource, ask.context, subject, NOW)
    alone = _generated()
    mine = judge(policy, asked, {})
    assert [str(rule.id) for rule in mine.rules] == alone(asked.variables)
    assert mine.effect is Effect.REQUIRE_APPROVAL
    ours, generated = list[float](), list[float]()
    for _ in range(max(1, calls // 1000)):
        ours += _timed(lambda: judge(policy, asked, {}), 1000)
        generated += _timed(lambda: alone(asked.variables), 1000)
    return ours, generated


def _conditions() -> list[tuple[str, str, str]]:
    """Return each rule's id, its condition, and the same in Python; the first of them hold, no other does."""
    holding = [
        ("params.rows > 5", "v['params.rows'] > 5"),
        (
            "params.env == 'prod' && resource.type == 'database'",
            "v['params.env'] == 'prod' and v['resource.type'] == 'database'",
        ),
        (
            "on_behalf_of != '' && context.ticket != ''",
            "v['on_behalf_of'] != '' and v['context']['ticket'] != ''",
        ),
    ]
    others = [_other(number) for number in range(RULES - len(holding))]
    assert len(holding) == MATCHING
    return [(f"rule-{number:02}", *both) for number, both in enumerate([*holding, *others])]


def _other(number: int) -> tuple[str, str]:
    """Return one condition that does not hold, of the kinds that people write, and the same in Python."""
    match number % 5:
        case 0:
            return f"params.rows > {10**6 + number}", f"v['params.rows'] > {10**6 + number}"
        case 1:
            return f"params.sql.contains('DROP {number}')", f"'DROP {number}' in v['params.sql']"
        case 2:
            return (
                f"resource.id.startsWith('db{number}') || agent == 'agent-{number}'",
                f"v['resource.id'].startswith('db{number}') or v['agent'] == 'agent-{number}'",
            )
        case 3:
            return f"context.ticket == 'OPS-{number}'", f"v['context']['ticket'] == 'OPS-{number}'"
        case _:
            return (
                f"params.env in ['dev', 'staging'] && params.rows > {number}",
                f"v['params.env'] in ('dev', 'staging') and v['params.rows'] > {number}",
            )


def _every_rule() -> str:
    """Return a policy in which every rule speaks of the action and has a condition."""
    catalog = bundle().partition("rules:\n")[0]
    rules = [
        f"  - {{id: {name}, match: {{action: {ACTION}, params.env: prod}}, when: {json.dumps(when)},\n"
        "     effect: require_approval, stages: [{name: dba, approvers: [group:dba]}]}\n"
        for name, when, _ in _conditions()
    ]
    return catalog + "rules:\n" + "".join(rules)


def _generated() -> Callable[[Any], list[str]]:
    """Return the rules as one Python function, as a generator of code would write it.

    What they mean is the same: where a value is missing, a rule that requires approval matches.
    """
    lines = ["def judged(v):", "    found = []"]
    for name, _, test in _conditions():
        lines += [
            "    try:",
            f"        if v['params.env'] == 'prod' and ({test}):",
            f"            found.append({name!r})",
            "    except (KeyError, TypeError):",
            f"        found.append({name!r})",
        ]
    lines.append("    return found")
    code: CodeType = compile("\n".join(lines), "<generated>", "exec")
    made: dict[str, Any] = {}
    exec(code, made)  # noqa: S102  # our own text, just above
    function: Callable[[Any], list[str]] = made["judged"]
    return function


def _timed(call: Callable[[], object], calls: int) -> list[float]:
    """Return seconds of processor a call, for each batch."""
    batches = []
    for _ in range(max(1, calls // BATCH)):
        began = time.process_time()
        for _ in range(BATCH):
            call()
        batches.append((time.process_time() - began) / BATCH)
    return batches
