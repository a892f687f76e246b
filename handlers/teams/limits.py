"""What Teams takes at most."""

from __future__ import annotations

# https://learn.microsoft.com/microsoftteams/platform/bots/how-to/format-your-bot-messages: about 28 KB with
# everything around it; beyond, the connector answers 413. Bytes of the card's JSON.
CARD_MAX = 24 * 1024
# https://learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/cards-actions: a card shows
# six actions; those with `mode: secondary` wait in its overflow menu.
ACTIONS_MAX = 6
INPUT_MAX = 3000  # characters of a reviewer's words; the same as in our other chat
TEXT_MAX = 4000  # characters of a plain line
