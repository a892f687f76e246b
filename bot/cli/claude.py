"""The settings that put every tool call of Claude Code before the hook's door."""

from __future__ import annotations

import json
from typing import Any

KEY = "ASSENT_KEY"  # the environment variable in which the CLI finds the agent's key
ENTRYPOINT = "CLAUDE_CODE_ENTRYPOINT"  # set by the CLI itself: whether it runs in front of a terminal
HELD = 540  # seconds in which people may answer before the call is deferred or denied
TIMEOUT = 600  # seconds; longer than HELD, so that it is the server that answers


def claude_settings(public_url: str) -> str:
    """Return the settings as JSON. Without `onFailure: block` a timeout or an error would let a call run."""
    path = f"{public_url.rstrip('/')}/v1/hooks/claude-code"
    before = [_hook(f"{path}?wait={HELD}"), _hook(f"{path}/deferred?wait={HELD}")]
    after = [_hook(path)]
    hooks = {
        "PreToolUse": [{"matcher": "*", "hooks": before}],
        "PostToolUse": [{"matcher": "*", "hooks": after}],
        "PostToolUseFailure": [{"matcher": "*", "hooks": after}],
    }
    return json.dumps({"hooks": hooks}, indent=2)


def _hook(url: str) -> dict[str, Any]:
    return {
        "type": "http",
        "url": url,
        "timeout": TIMEOUT,
        "onFailure": "block",
        "headers": {"Authorization": f"Bearer ${KEY}", "X-Claude-Entrypoint": f"${ENTRYPOINT}"},
        "allowedEnvVars": [KEY, ENTRYPOINT],
    }
