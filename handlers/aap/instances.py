"""POST /v1/instances: a provisioner registers a running copy of its agent, and where to wake it."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web
from msgspec import UNSET

from bot.core.action import fit, parse
from bot.core.errors import Malformed
from bot.core.signing import is_secret
from bot.services.knowing import Knowing
from bot.services.provisioning import Draft, Provisioning, Webhook, Wish
from handlers import door
from handlers.aap.mapping import digest_of
from handlers.aap.requests import required_key, respond
from handlers.aap.shapes import DeliveryBody, InstanceBody
from handlers.aap.verification import Verification
from handlers.pace import Pace


@dataclass(frozen=True, slots=True)
class Instances:
    """The protocol's provisioning."""

    knowing: Knowing
    provisioning: Provisioning
    verification: Verification
    pace: Pace

    async def make(self, request: web.Request) -> web.Response:
        """POST /v1/instances: 201 with the credential, or 200 for a key that came before."""
        token = door.bearer(request)
        agent, registry, by = await self.knowing.provisioner(token)
        if request.query:
            raise Malformed("There are no query parameters here.")
        self.pace.keep(agent)
        key = required_key(request)
        value = parse(await door.body(request))
        told = fit(value, InstanceBody)
        hook = None if told.delivery is UNSET else told.delivery
        if hook is not None and not is_secret(hook.signing_secret):
            raise Malformed("The signing_secret is whsec_ and 24 to 64 bytes in base64.")
        title = None if told.instance_name is UNSET else told.instance_name
        wish = Wish(title, _webhook(hook), digest_of(value))
        draft = self.provisioning.draft(agent, registry, token, key, wish)
        if draft.stands:
            return respond(_answer(draft), 200)
        if hook is not None:
            await self.verification.require(hook, draft.id)
        await self.provisioning.register(draft, by)
        return respond(_answer(draft), 201)


def _webhook(hook: DeliveryBody | None) -> Webhook | None:
    return Webhook(hook.url, hook.signing_secret) if hook else None


def _answer(draft: Draft) -> dict[str, object]:
    title = draft.executor.instance.title if draft.executor.instance else draft.id
    return {"instance": {"id": draft.id, "name": title}, "credential": {"token": draft.secret}}
