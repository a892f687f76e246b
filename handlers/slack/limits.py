"""What Slack takes at most, in characters unless it says otherwise."""

from __future__ import annotations

# https://docs.slack.dev/reference/block-kit/blocks
HEADER_TEXT_MAX = 150
SECTION_TEXT_MAX = 3000
# https://docs.slack.dev/reference/block-kit/block-elements/plain-text-input-element
INPUT_TEXT_MAX = 3000
# https://docs.slack.dev/reference/block-kit/composition-objects: option, option group
OPTION_TEXT_MAX = 75
GROUP_OPTIONS_MAX = 100  # options
# https://docs.slack.dev/reference/methods/chat.update
FALLBACK_TEXT_MAX = 4000
# All texts of a message's blocks together: undocumented; Slack answers `msg_blocks_too_long`. Refusals have
# been measured from 11,341 on (slackapi/bolt-js issue 2867) and from 13,172 on (issue 2509). The limits in
# `blocks` are chosen to stay below; a test holds the fullest card against this.
MESSAGE_TEXT_MAX = 11000
