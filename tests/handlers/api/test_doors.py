"""Who may call what: every door is tried with no key, a wrong one, and everybody else's."""

from typing import Any

import pytest
from multidict import CIMultiDict

from handlers.api.routes import ROUTES, Route
from tests.handlers.api.world import HOUR, OPERATOR, Client, World

GUARDED = [route for route in ROUTES if route.caller]
KEYS = {"agent": "agent", "executor": "executor", "person": "bo"}


async def call(client: Client, route: Route, **options: Any) -> Any:
    path = route.path.replace("{id}", f"req_{'0' * 32}").replace("{jti}", "0" * 32)
    return await client.call(route.method.upper(), path, **options)


@pytest.mark.parametrize("route", GUARDED, ids=lambda route: route.id)
@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer nonsense", "Basic YTpi", "Bearer é", "Bearer a b"]
)
async def test_without_a_key_in_force_no_door_opens(world: World, route: Route, header: str) -> None:
    answer = await call(world.nobody, route, headers={"Authorization": header} if header else {})
    assert (answer.status, answer.slug) == (401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("route", GUARDED, ids=lambda route: route.id)
async def test_a_key_of_another_kind_is_told_which_one_is_needed(world: World, route: Route) -> None:
    for kind, name in KEYS.items():
        answer = await call(getattr(world, name), route)
        if kind == route.caller:
            assert answer.status not in (401, 403)
        else:
            assert (answer.status, answer.slug) == (403, "forbidden")
            assert str(route.caller) in answer.body["detail"]


async def test_an_expired_token_opens_nothing(world: World) -> None:
    world.clock.advance(seconds=HOUR.total_seconds())
    assert (await world.bo.get("/v1/inbox")).status == 401


async def test_a_revoked_key_opens_nothing(world: World) -> None:
    from bot.core.terms import KeyKind

    await world.parts.admin.revoke_all(KeyKind.AGENT, "deployer", OPERATOR)
    assert (await world.agent.get("/v1/requests")).status == 401


async def test_of_two_keys_neither_counts(world: World) -> None:
    both = CIMultiDict(
        [("Authorization", f"Bearer {world.agent.key}"), ("Authorization", f"Bearer {world.bo.key}")]
    )
    async with world.nobody.session.get("/v1/requests", headers=both) as answer:
        assert answer.status in (400, 401)


async def test_the_scheme_may_be_written_in_any_case(world: World) -> None:
    headers = {"Authorization": f"bEaReR {world.agent.key}"}
    assert (await world.nobody.get("/v1/requests", headers=headers)).status == 200


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.id)
async def test_no_answer_of_the_api_is_without_an_id(world: World, route: Route) -> None:
    assert (await call(world.nobody, route)).headers["X-Request-ID"]
