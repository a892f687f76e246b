"""What we use of Microsoft's SDK. Importing this costs FastAPI and uvicorn: only where Teams is configured.

The SDK checks who calls, and carries what we send. What is done about a call is ours: see `reception`.
"""

from __future__ import annotations

import logging
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it warns of previews of its own that we do not use
    from microsoft_teams.api.activities.message import MessageActivityInput
    from microsoft_teams.api.auth.cloud_environment import PUBLIC, with_overrides
    from microsoft_teams.api.clients.conversation import ConversationClient
    from microsoft_teams.api.clients.conversation.params import CreateConversationParams
    from microsoft_teams.api.clients.team import TeamClient
    from microsoft_teams.api.models import Account, Attachment, InvokeResponse
    from microsoft_teams.apps import ActivityEvent, App, HttpServerAdapter
    from microsoft_teams.apps.http import HttpRequest, HttpResponse, HttpRouteHandler
    from microsoft_teams.common import Client, ClientOptions

# It writes two lines for each forged token, and hides our own faults behind a 500: see `reception`.
logging.getLogger("microsoft_teams").setLevel(logging.CRITICAL)

__all__ = [
    "PUBLIC",
    "Account",
    "ActivityEvent",
    "App",
    "Attachment",
    "Client",
    "ClientOptions",
    "ConversationClient",
    "CreateConversationParams",
    "HttpRequest",
    "HttpResponse",
    "HttpRouteHandler",
    "HttpServerAdapter",
    "InvokeResponse",
    "MessageActivityInput",
    "TeamClient",
    "with_overrides",
]
