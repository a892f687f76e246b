"""Modals and home tabs: opened, pushed, updated, published, as Slack takes and refuses them."""

import asyncio

from tests.fakes.slack_blocks import Refused, check_types, check_view
from tests.fakes.slack_state import BOT_USER, Conversation, Home, Json, Modal, State, Trigger, Whisper

STACK = 3  # modals on top of each other


def open_view(state: State, arguments: Json) -> Json:
    """Open a modal where none is open."""
    trigger = _trigger(state, arguments)
    if trigger.on is not None:
        raise Refused("push_limit_reached", "a modal is open: push on top of it")
    return _shown(state, Modal(f"V{state.next():08d}", trigger.user, _checked(arguments)))


def push_view(state: State, arguments: Json) -> Json:
    """Put a modal on top of the one in which a button was pressed."""
    trigger = _trigger(state, arguments)
    if trigger.on is None:
        raise Refused("invalid_trigger_id", "no modal was open where that was pressed")
    depth, beneath = 1, trigger.on
    while beneath.beneath is not None:
        depth, beneath = depth + 1, beneath.beneath
    if depth >= STACK:
        raise Refused("push_limit_reached", str(depth))
    return _shown(state, Modal(f"V{state.next():08d}", trigger.user, _checked(arguments), beneath=trigger.on))


def update_view(state: State, arguments: Json) -> Json:
    """Show something else in a modal that is still open."""
    found = [modal for modal in state.modals if modal.id == arguments.get("view_id") and not modal.closed]
    if not found:
        raise Refused("not_found", str(arguments.get("view_id")))
    modal, view = found[0], _checked(arguments)
    _hold_hash(arguments, modal.hash)
    modal.view, modal.hash = view, f"{state.next()}.{modal.id}"
    return {"view": {"id": modal.id, "hash": modal.hash, **view}}


def publish_view(state: State, arguments: Json) -> Json:
    """Put up somebody's home tab."""
    user, view = arguments.get("user_id", ""), arguments.get("view")
    if user not in state.users:
        raise Refused("user_not_found", user)
    if not isinstance(view, dict) or view.get("type") != "home":
        raise Refused("invalid_arguments", "a home tab is of type home")
    check_view(view)
    check_types(view["blocks"])
    home = state.homes.setdefault(user, Home(f"V{state.next():08d}", user))
    _hold_hash(arguments, home.hash)
    home.view, home.hash = view, f"{state.next()}.{home.id}"
    return {"view": {"id": home.id, "hash": home.hash, **view}}


def whisper(state: State, conversation: Conversation, arguments: Json) -> Json:
    """Show somebody a message that nobody else sees."""
    user = arguments.get("user", "")
    if user not in state.users:
        raise Refused("user_not_in_channel", user)
    if BOT_USER not in conversation.members:
        raise Refused("not_in_channel", conversation.name)
    if not arguments.get("text"):
        raise Refused("no_text", "every message needs its fallback text")
    state.whispers.append(Whisper(user, conversation.id, arguments["text"], arguments.get("blocks") or []))
    return {"message_ts": state.ts()}


def _trigger(state: State, arguments: Json) -> Trigger:
    trigger = state.triggers.get(arguments.get("trigger_id", ""))
    if trigger is None or trigger.used:
        raise Refused("exchanged_trigger_id" if trigger else "invalid_trigger_id", str(arguments))
    if asyncio.get_running_loop().time() - trigger.at > 3:
        raise Refused("expired_trigger_id", str(arguments))
    trigger.used = True
    return trigger


def _checked(arguments: Json) -> Json:
    view: Json = arguments.get("view") or {}
    if view.get("type") != "modal":
        raise Refused("invalid_arguments", "only a modal is opened")
    check_view(view)
    check_types(view["blocks"])
    return view


def _shown(state: State, modal: Modal) -> Json:
    modal.hash = f"{state.next()}.{modal.id}"
    state.modals.append(modal)
    return {"view": {"id": modal.id, "hash": modal.hash, **modal.view}}


def _hold_hash(arguments: Json, stands: str) -> None:
    if arguments.get("hash") not in (None, stands):
        raise Refused("hash_conflict", "somebody else changed it since")
