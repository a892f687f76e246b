"""The web surface: inbox, request page, history, audit page, sign-in. Works without JavaScript."""

from __future__ import annotations

from aiohttp import web

from bot.ports import Clock, Policies, Store
from bot.services.absence import Absences
from bot.services.auditing import Auditing
from bot.services.entering import Entering
from bot.services.linking import Linking
from bot.services.reviewing import Breaking, Reviewing
from bot.services.viewing import Viewing
from handlers.pace import Pace
from handlers.render import Renderer
from handlers.web.deputies import Deputies
from handlers.web.desk import Desk
from handlers.web.door import Door
from handlers.web.downloads import Downloads
from handlers.web.glass import Glass
from handlers.web.linking import Linkage
from handlers.web.lists import Lists
from handlers.web.live import Live
from handlers.web.site import Site
from handlers.web.standing import Me
from handlers.web.static import Static
from handlers.web.trail import Trail


def install(
    app: web.Application,
    *,
    viewing: Viewing,
    reviewing: Reviewing,
    breaking: Breaking,
    absences: Absences,
    linking: Linking,
    entering: Entering,
    auditing: Auditing,
    store: Store,
    policies: Policies,
    clock: Clock,
    renderer: Renderer,
    public_url: str,
    development: bool,
) -> None:
    """Add the pages to `app`. `development` lets a visitor choose whom to be: for the demo alone."""
    static = Static(renderer.folder / "web" / "static")
    pace = Pace.of(app, clock)
    site = Site(viewing, entering, store, policies, clock, pace, renderer, static, public_url, development)
    lists = Lists(site)
    live = Live(site, lists)
    app.router.add_get("/", site.private(lists.inbox))
    app.router.add_get("/history", site.private(lists.history))
    app.router.add_get("/events", site.private(live.events))
    app.router.add_get("/static/{version}/{name}", site.public(static.serve))
    _request_pages(app, site, reviewing, breaking)
    _own_pages(app, site, absences, linking, reviewing)
    _log_pages(app, site, auditing)
    _doors(app, site, entering)
    app.middlewares.append(site.lost)
    app.on_shutdown.append(live.close)


def _request_pages(app: web.Application, site: Site, reviewing: Reviewing, breaking: Breaking) -> None:
    desk = Desk(site, reviewing)
    glass, deputies = Glass(site, breaking, desk), Deputies(site, reviewing, desk)
    app.router.add_get("/requests/{id}", site.private(desk.show))
    app.router.add_post("/requests/{id}", site.private(desk.review))
    app.router.add_post("/requests/{id}/break-glass", site.private(glass.break_glass))
    app.router.add_post("/requests/{id}/glass-review", site.private(glass.review))
    app.router.add_post("/requests/{id}/delegate", site.private(deputies.delegate))
    app.router.add_post("/requests/{id}/reclaim", site.private(deputies.reclaim))


def _own_pages(
    app: web.Application, site: Site, absences: Absences, linking: Linking, reviewing: Reviewing
) -> None:
    me, linkage = Me(site, absences, linking, reviewing), Linkage(site, linking)
    app.router.add_get("/me", site.private(me.show))
    app.router.add_post("/me", site.private(me.change))
    app.router.add_get("/link", site.public(linkage.show))
    app.router.add_post("/link", site.private(linkage.open))
    app.router.add_post("/link/confirm", site.private(linkage.confirm))


def _log_pages(app: web.Application, site: Site, auditing: Auditing) -> None:
    trail, downloads = Trail(site), Downloads(site, auditing)
    app.router.add_get("/audit", site.private(trail.show))
    app.router.add_get("/audit/export", site.private(downloads.export))  # before what takes it for an id
    app.router.add_get("/audit/{id}", site.private(trail.of_request))
    app.router.add_get("/audit/{id}/proof", site.private(downloads.proof))


def _doors(app: web.Application, site: Site, entering: Entering) -> None:
    door = Door(site, entering)
    app.router.add_get("/enter", site.public(door.show))
    app.router.add_post("/enter", site.public(door.enter))
    app.router.add_post("/leave", site.private(door.leave))
    if site.development:
        app.router.add_post("/become", site.public(door.become))
