"""Whose key opens what: instances of an agent keep to themselves, and a revoked key stays revoked."""

from __future__ import annotations

import pytest

from bot.core.errors import KeyReused, TooMany, Unknown
from bot.core.terms import Actor, ActorKind, Digest, KeyKind, PersonName, Proof, Surface
from bot.ports import RegistryEdit
from bot.services import provisioning
from bot.services.provisioning import Draft, Wish
from tests.fixtures.policy import BUNDLE
from tests.stories.test_review_reading import migration
from tests.stories.test_security_who_decides import edit
from tests.world import OPERATOR, AgentFake, Caller, Refused, World

OWN = "  shop.order: {title: Order, params: {sku: {type: string}}}\n"
ALLOWED = "  - id: orders\n    match: {action: shop.order}\n    effect: allow\n"
PROVISIONER = "assent_provisioner_x"


async def a_self_executing_agent(world: World) -> AgentFake:
    bundle = BUNDLE.replace("groups:\n", f"{OWN}groups:\n", 1).replace("rules:\n", f"rules:\n{ALLOWED}", 1)
    await edit(world, bundle)
    key = await world.running.parts.admin.add_agent("helper", PersonName("ed"), [], True, OPERATOR)
    return AgentFake(world, key)


async def drafted(world: World, key: str, title: str | None = None) -> Draft:
    registry = await world.running.parts.store.registry()
    [agent] = [one for one in registry.agents.values() if one.name == "helper"]
    wish = Wish(title, None, Digest(f"{title}" * 4))
    return world.running.parts.provisioning.draft(agent, registry, PROVISIONER, key, wish)


async def an_instance(world: World, key: str) -> Caller:
    draft = await drafted(world, key)
    await world.running.parts.provisioning.register(draft, OPERATOR)
    return Caller(world, draft.secret)


async def test_an_instance_runs_nothing_of_its_agents_nor_of_another_instances(small_world: World) -> None:
    helper = await a_self_executing_agent(small_world)
    one, other = await an_instance(small_world, "one"), await an_instance(small_world, "other")
    asked = await helper.asks("shop.order", sku="tea")
    told = {"tool": "shop.order", "arguments": {"sku": "tea"}, "timeout": "10m"}
    await one.call("POST", "/api/aap/v1/requests", told, **{"Idempotency-Key": "k"})

    grants = {}
    for name, caller in (("helper", helper), ("one", one), ("other", other)):
        grants[name] = (await caller.call("GET", "/v1/executions"))["executions"]

    assert [execution["data"]["id"] for execution in grants["helper"]] == [asked["id"]]
    assert len(grants["one"]) == 1
    assert grants["one"][0]["data"]["id"] != asked["id"]
    assert grants["other"] == []


async def test_rotating_an_agents_key_leaves_its_instances_theirs(small_world: World) -> None:
    helper = await a_self_executing_agent(small_world)
    one = await an_instance(small_world, "one")
    await small_world.running.parts.admin.rotate(KeyKind.AGENT, "helper", OPERATOR)

    await small_world.advance(hours=25)

    with pytest.raises(Refused) as refused:
        await helper.call("GET", "/v1/requests")
    assert refused.value.status == 401
    await one.call("GET", "/v1/requests")


async def test_an_instance_whose_key_was_revoked_makes_room_for_another(
    small_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provisioning, "INSTANCES_MAX", 1)
    await a_self_executing_agent(small_world)
    await an_instance(small_world, "one")
    with pytest.raises(TooMany):
        await drafted(small_world, "other")
    assert (await drafted(small_world, "one")).stands  # a retry is no other instance
    with pytest.raises(KeyReused):
        await drafted(small_world, "one", "renamed")

    held = (await drafted(small_world, "one")).key
    await small_world.running.parts.admin.revoke_key(held.id, OPERATOR)

    assert not (await drafted(small_world, "other")).stands


async def test_an_admin_who_rotates_while_another_revokes_brings_no_key_back(small_world: World) -> None:
    parts = small_world.running.parts
    stale = [key for key in (await parts.store.registry()).keys.values() if key.name == "deployer"]
    await parts.admin.revoke_all(KeyKind.AGENT, "deployer", OPERATOR)

    entry = parts.admin._entry("agents rotate", OPERATOR, {})
    await parts.store.edit(RegistryEdit(entry, keys=tuple(stale)))

    with pytest.raises(Refused) as refused:
        await migration(small_world.agent)
    assert refused.value.status == 401


async def test_an_admin_ends_a_persons_sessions_and_links_at_once(small_world: World) -> None:
    parts, ana = small_world.running.parts, PersonName("ana")
    cookie, _ = await parts.entering.become(ana)
    others, _ = await parts.entering.become(PersonName("bo"))
    link = await parts.entering.invite(ana, OPERATOR)

    assert await parts.entering.expel(ana, OPERATOR) == 1

    assert await parts.entering.who(cookie) is None
    assert await parts.entering.who(others) is not None
    with pytest.raises(Unknown):
        await parts.entering.enter(link)
    await small_world.audit()


async def test_an_account_that_a_stolen_session_confirmed_is_tied_no_more_after_the_sessions_end(
    small_world: World,
) -> None:
    parts, ana = small_world.running.parts, PersonName("ana")
    account = Actor(ActorKind.PERSON, "", Surface.SLACK, "T0ASSENT/U0THIEF", Proof.SIGNATURE)
    token = await parts.linking.begin("slack", account.account, "thief", account)
    await parts.linking.opened(token, "browser")
    typed = await parts.linking.confirm(token, "browser", ana, OPERATOR)

    await parts.entering.expel(ana, OPERATOR)

    with pytest.raises(Unknown):
        await parts.linking.finish("slack", account.account, typed, account)
    assert await parts.linking.person("slack", account.account) is None
