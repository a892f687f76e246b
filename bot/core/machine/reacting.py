"""Reactions as reviews: only where the policy says so, and where nothing but yes or no is to be said."""

from __future__ import annotations

from datetime import datetime

from bot.core.errors import NotByReaction
from bot.core.machine.commands import React
from bot.core.machine.reviews import decided, needs_words, refuse_decided, refuse_nobody
from bot.core.terms import Change, Request, Reversibility


def reacted(request: Request, command: React, now: datetime) -> Change:
    """Return what a reaction makes of the request, or raise why it does not count.

    1. The policy takes reactions for it.
    2. It can be undone: what cannot is asked twice, and a reaction asks nothing.
    3. The card showed everything that would run.
    4. The card is of this request alone, and always was.
    5. The policy wants no reason with this verdict.
    6. All that holds for a verdict holds for this one.
    """
    decide = command.decide
    refuse_decided(request, now)
    refuse_nobody(decide.person, decide.roster, decide.by)
    if not request.plan.reactions:  # 1
        raise NotByReaction("Reactions do not count for this; use the buttons of the card.")
    if request.plan.reversibility is Reversibility.IRREVERSIBLE:  # 2
        raise NotByReaction("What cannot be undone is not decided by a reaction; use the buttons.")
    if not decide.complete:  # 3
        raise NotByReaction("This card does not show everything that would run; open the full page.")
    if not command.alone:  # 4
        raise NotByReaction(
            "Several requests share this card, and each is decided by itself; use the buttons."
        )
    if needs_words(request, decide.verdict):  # 5
        raise NotByReaction("This policy wants a reason with that; use the buttons, which ask for it.")
    return decided(request, decide, now)  # 6
