"""What happens on the stage, so that every picture shows something that the bot did."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from docs.pictures.scenes import CHANNEL, DIFF, SQL, Stage
from tests.fakes.slack_views import Form

ANA, BO, CY, DI, ED, GIL = "U0ANA", "U0BO", "U0CY", "U0DI", "U0ED", "U0GIL"


async def pending(stage: Stage) -> None:
    """Cards that wait."""
    request = await stage.migration()
    stage.take("pending", request)
    await stage.world.agent.cancels(request)
    await stage.world.settle()
    stage.take("cancelled", request)
    change = await stage.asked("config.change", service="checkout", change=DIFF)
    stage.take("pending-diff", change)
    await stage.world.agent.cancels(change)
    rows = [f"UPDATE orders SET settled_at = paid_at WHERE id BETWEEN {n}000 AND {n}999;" for n in range(99)]
    long = await stage.migration(sql=" ".join(rows))
    stage.take("pending-not-whole", long)
    await stage.world.agent.cancels(long)
    zone = await stage.asked("zone.delete", zone="shop.example")
    stage.take("pending-nobody-can", zone)
    await stage.world.agent.cancels(zone)


async def stages(stage: Stage) -> None:
    """An irreversible action of two stages, on its way."""
    body = {
        "on_behalf_of": "ed",
        "summary": "Routine cleanup, safe to approve.",
        "justification": "The customer asked for erasure (ticket PRIV-318); the 30 days have passed.",
    }
    tables = ["orders", "invoices", "messages"]
    request = await stage.asked("customer.erase", customer="cus_8Kq2Vd", tables=tables, _body=body)
    stage.take("irreversible", request)
    await stage.approved(request, "ana", "bo")
    stage.take("second-stage", request)
    await stage.approved(request, "di")
    stage.take("approved", request)
    await stage.redeemed(request)
    stage.take("running", request)
    await stage.reported(request, "succeeded", "3 tables, 1,204 rows")
    stage.take("succeeded", request)


async def endings(stage: Stage) -> None:
    """The other ways in which a request ends."""
    denied = await stage.migration()
    await stage.card(denied).press("Deny", ANA)
    form = await stage.slack.form(ANA)
    stage.view("modal-deny", form.modal.view)
    await form.submit("Not before the backup of tonight; ask again tomorrow.")
    await stage.world.settle()
    stage.take("denied", denied)
    expired = await stage.migration(rows=121000)
    await stage.world.advance(minutes=31)
    stage.take("expired", expired)
    lapsed = await stage.migration(rows=122000)
    await stage.approved(lapsed, "ana")
    await stage.world.advance(minutes=6)
    stage.take("lapsed", lapsed)
    revoked = await stage.migration(rows=123000)
    await stage.approved(revoked, "ana")
    await stage.slack.type(DI, f"revoke {revoked['digest'][:8]} the window has closed", CHANNEL)
    await stage.world.settle()
    stage.take("revoked", revoked)
    failed = await stage.migration(rows=124000)
    await stage.approved(failed, "bo")
    await stage.redeemed(failed)
    await stage.reported(failed, "failed", "lock timeout after 30 s; nothing was changed")
    stage.take("failed", failed)
    silent = await stage.migration(rows=125000)
    await stage.approved(silent, "cy")
    await stage.redeemed(silent)
    await stage.world.advance(minutes=16)
    stage.take("unreported", silent)


async def talking(stage: Stage) -> None:
    """Questions, looks, comments, identical requests, the other modals."""
    request = await stage.migration(rows=126000)
    code = request["digest"][:8]
    await stage.slack.type(ANA, f"ask {code} Did it run on staging, and for how long?", CHANNEL)
    stage.world.clock.advance(timedelta(minutes=1))
    answer = {"question": 1, "text": "Yes, this morning: 40 seconds, no locks."}
    await stage.world.agent.call("POST", f"/v1/requests/{request['id']}/answers", answer)
    await stage.slack.react(stage.card(request), "eyes", BO)
    await stage.world.settle()
    stage.take("question-and-look", request)
    labels = {"modal-comment": "Comment", "modal-ask": "Ask for information", "modal-delegate": "Delegate"}
    for name, label in labels.items():
        await stage.card(request).press(label, CY)
        modal = await stage.slack.form(CY)
        stage.view(name, modal.modal.view)
        modal.modal.closed = True
    change = await stage.asked("config.change", service="checkout", change=DIFF)
    await stage.card(change).press("Approve", DI)
    modal = await stage.slack.form(DI)
    stage.view("modal-approve", modal.modal.view)
    modal.modal.closed = True
    again = await stage.migration(rows=126000)
    await stage.world.settle()
    stage.take("identical", request)
    for one in (request, again, change):
        await stage.world.agent.cancels(one)
    await stage.world.settle()


async def glass(stage: Stage) -> None:
    """An emergency."""
    request = await stage.migration(rows=127000)
    line = f"break-glass {request['digest'][:8]} the shop is down and nobody of dba answers"
    said = (await stage.slack.type(GIL, line, CHANNEL)).json()
    stage.message("answer-break-glass", said["blocks"])
    whispers = [await stage.slack.whispered(GIL), await stage.slack.whispered(GIL)]
    await stage.slack.act(GIL, whispers[-1].blocks, "Break the glass", CHANNEL)
    modal = await stage.slack.form(GIL)
    stage.view("modal-break-glass", modal.modal.view)
    await stage.slack.submit(modal.modal, request["digest"][:8])
    await stage.slack.whispered(GIL)
    await stage.world.settle()
    stage.take("glass-broken", request)


async def answers(stage: Stage) -> None:
    """What commands answer, and the home tab."""
    waiting = [await stage.migration(sql=SQL, rows=rows) for rows in (1, 2)]
    lines = {
        "answer-help": (DI, "help"),
        "answer-inbox": (ANA, "inbox"),
        "answer-agents": (DI, "agents list"),
        "answer-who": (ANA, "who"),
        "answer-stats": (DI, "stats 7"),
    }
    for name, (who, line) in lines.items():
        said: dict[str, Any] = (await stage.slack.type(who, line, CHANNEL)).json()
        stage.message(name, said["blocks"])
    stage.stats = stage.slack.file(DI, "stats.png").content or b""
    await stage.slack.type(ANA, f"show {waiting[0]['code']}", CHANNEL)
    window = await stage.slack.pane(ANA)
    stage.view("modal-request", window.pane.view)
    await window.close()
    await stage.slack.type(ANA, f"delegate {waiting[0]['code']} @bo", CHANNEL)
    await standing(stage)


async def standing(stage: Stage) -> None:
    """The home tab, and how people say there that they go away or want it quiet."""
    away = await _window(stage, BO, "Go away…")
    stage.view("modal-away", away.modal.view)
    await away.fill(deputy="Ana Castell (ana)")
    quiet = await _window(stage, ANA, "Quiet hours…")
    stage.view("modal-quiet", quiet.modal.view)
    await quiet.fill()
    for name, user in (("home", ANA), ("home-away", BO)):
        home = await stage.slack.open_home(user)
        stage.view(name, home.pane.view)


async def _window(stage: Stage, user: str, button: str) -> Form:
    """Open a window of the home tab."""
    home = await stage.slack.open_home(user)
    before = home.pane.hash
    await home.press(button)
    await stage.slack.home(user, before)
    return await stage.slack.form(user)


async def crowd(stage: Stage) -> None:
    """More cards in a minute than a place takes."""
    await stage.world.advance(minutes=5)
    asked = [await stage.migration(rows=rows * 1000) for rows in range(1, 17)]
    messages = stage.slack.channel(CHANNEL).conversation.messages
    [roundup] = [one for one in messages if "more waiting" in one.text]
    await (await stage.world.person("bo")).denies(asked[-2])
    await stage.world.settle()
    stage.message("roundup", roundup.blocks)


PLAYS = (pending, stages, endings, talking, glass, answers, crowd)
