"""What Slack takes at most. Characters unless said otherwise."""

from __future__ import annotations

# https://docs.slack.dev/reference/block-kit/blocks
BLOCKS_MAX = 50  # blocks of a message
HEADER_TEXT_MAX = 150
SECTION_TEXT_MAX = 3000
# https://docs.slack.dev/reference/block-kit/block-elements
INPUT_TEXT_MAX = 3000
BUTTON_VALUE_MAX = 2000
# https://docs.slack.dev/reference/views
VIEW_TITLE_MAX = 24  # also of its submit and close buttons
PRIVATE_METADATA_MAX = 3000
# https://docs.slack.dev/reference/methods/chat.update
FALLBACK_TEXT_MAX = 4000
# All texts of a message's blocks together: undocumented; Slack answers `msg_blocks_too_long`. Refusals have
# been measured from 11,341 on (slackapi/bolt-js issue 2867) and from 13,172 on (issue 2509).
MESSAGE_TEXT_MAX = 11000
