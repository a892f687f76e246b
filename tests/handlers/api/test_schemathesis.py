"""Schemathesis holds the running server to its own document: for each operation, good and bad calls."""

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from schemathesis import GenerationMode
from schemathesis.schemas import APIOperation

from handlers.api.routes import ROUTES, Route
from tests.handlers.api.world import World

TAKING = [route for route in ROUTES if route.parameters or route.body]
Case = schemathesis.Case[Any]
Operation = APIOperation[Any, Any, Any, Any]
EXAMPLES = 25  # calls for each operation and mode
KEYS = {"agent": "agent", "executor": "executor", "person": "bo", None: "nobody"}
PATIENT = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def attack(
    operation: Operation,
    mode: GenerationMode,
    headers: dict[str, str],
    known: dict[str, str],
) -> None:
    """Call one operation many times, with ids that exist where it takes one, and check every answer."""

    @PATIENT
    @given(case=operation.as_strategy(generation_mode=mode))
    def calls(case: Case) -> None:
        if mode is GenerationMode.POSITIVE:
            case.path_parameters = {name: known[name] for name in case.path_parameters or {}}
        assume(set(case.query or {}) <= sent(case))
        if str((case.query or {}).get("wait", "")).isdecimal():
            case.query["wait"] = 0  # what is bad is elsewhere then, and every call would take its time
        case.call_and_validate(headers=headers, timeout=20)

    calls()


def sent(case: Case) -> set[str]:
    """Return the names of the query as they go out: an empty list, say, never does."""
    url = requests.Request("GET", "http://assent.test/", params=case.query).prepare().url or ""
    return set(parse_qs(urlsplit(url).query, keep_blank_values=True))


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.id)
async def test_good_calls_get_the_answers_that_are_described(world: World, route: Route) -> None:
    await hold(world, route, GenerationMode.POSITIVE)


@pytest.mark.parametrize("route", TAKING, ids=lambda route: route.id)
async def test_bad_calls_are_refused_as_described(world: World, route: Route) -> None:
    await hold(world, route, GenerationMode.NEGATIVE)


async def hold(world: World, route: Route, mode: GenerationMode) -> None:
    """Hold the server to what its document says of one operation."""
    asked, jti = await world.approved()
    schema = await asyncio.to_thread(schemathesis.openapi.from_url, f"{world.url}/openapi.json")
    schema.config.update(base_url=world.url)
    key = getattr(world, KEYS[route.caller]).key
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    operation = schema[route.path][route.method.upper()]
    await asyncio.to_thread(attack, operation, mode, headers, {"id": asked["id"], "jti": jti})
