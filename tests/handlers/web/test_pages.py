from tests.handlers.web.world import Browser, World


async def test_smoke(world: World, ana: Browser, ed: Browser) -> None:
    r = await world.asked()
    r2 = await world.asked(
        "customer.erase", parameters={"customer": "c1", "tables": ["a", "b"]}, on_behalf_of="ed", summary="x"
    )
    for p in ("/", f"/requests/{r.id}", f"/requests/{r2.id}", "/history"):
        page = await ana.get(p)
        assert page.status == 200, page.text
    page = await ana.decide(r, "approve")
    assert page.status == 200
    print((await world.now(r)).state)
    for p in ("/audit", f"/audit/{r.id}", f"/audit/{r.id}/proof"):
        page = await ed.get(p)
        assert page.status == 200, page.text
    assert (await ana.get("/audit")).status == 404
