"""link, unlink: a chat account becomes somebody's, when both sides have said so."""

from __future__ import annotations

from dataclasses import dataclass

from bot.core.errors import Malformed, NotAnAdmin
from bot.core.literal import visible
from bot.core.terms import Actor, Linked
from bot.services.linking import Linking
from handlers.commands.answers import Act, Answer, Line, Row, Style, Table, Tone, told
from handlers.commands.words import Asked, Word, always

LINK = "link"


@dataclass(frozen=True, slots=True)
class Tying:
    """Words about accounts."""

    linking: Linking
    public_url: str

    def words(self) -> tuple[Word, ...]:
        """Return them."""
        return (
            Word(
                LINK,
                "link [CODE]",
                "tie this account to you: by a link, then by the code that its page shows",
                ("link", "link K7QM2RXA"),
                self.link,
                recorded=always,
            ),
            Word(
                "unlink",
                "unlink [ACCOUNT]",
                "show the accounts that you linked, or untie one",
                ("unlink", "unlink slack:T0123ABCD/U0456EFGH"),
                self.unlink,
                recorded=bool,  # alone it only shows them
            ),
        )

    async def answer(self, actor: Actor, shown: str, line: str, prefix: str) -> Answer | None:
        """Answer an account that is nobody's yet; None when it typed something else."""
        word, _, rest = line.strip().partition(" ")
        if word.lower() != LINK:
            return None
        return await self._linked(actor, shown, rest.strip(), prefix)

    async def link(self, asked: Asked) -> Answer:
        """Refuse with whose the account is: whoever gets here is known already."""
        return await self._linked(asked.actor, asked.actor.account, asked.rest, asked.prefix)

    async def unlink(self, asked: Asked) -> Answer:
        """Show one's linked accounts, or untie one; somebody else's only as an admin."""
        own = await self.linking.linked(asked.person.name)
        if not asked.rest:
            if not own:
                return told("You have linked no account; those in directory.yaml are edited there.")
            rows = tuple(_row(one) for one in own)
            return Answer(title="Linked accounts", table=Table(("ACCOUNT", "SINCE"), rows))
        surface, _, account = asked.one().partition(":")
        mine = any((one.surface, one.account) == (surface, account) for one in own)
        if not mine and not asked.person.admin:
            raise NotAnAdmin("Only its owner or an admin may untie an account.")
        whose = await self.linking.unlink(surface, account, asked.actor)
        return told(f"{visible(account)[0]} is no longer {whose}'s.", Tone.GOOD)

    async def _linked(self, actor: Actor, shown: str, code: str, prefix: str) -> Answer:
        if not code:
            token = await self.linking.begin(actor.surface, actor.account, shown, actor)
            here = Line("Open this where you are signed in to the web inbox", url=self._page(token))
            then = (
                f"It shows a code; type it here: {prefix}link CODE. For you alone, once, within 10 minutes."
            )
            return Answer(lines=(here, Line(then, tone=Tone.QUIET)))
        if " " in code:
            raise Malformed(f"Say it like this: {prefix}link CODE")
        person = await self.linking.finish(actor.surface, actor.account, code, actor)
        return told(f"This account is {person}'s now.", Tone.GOOD)

    def _page(self, token: str) -> str:
        return f"{self.public_url}/link#{token}"


def _row(linked: Linked) -> Row:
    account = f"{linked.surface}:{linked.account}"
    act = Act("Unlink", f"unlink {account}", Style.DANGER, "The account is then nobody's.")
    return Row((account, f"{linked.at:%Y-%m-%d}"), (act,))
