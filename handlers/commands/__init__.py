"""What people type in chat, and what they are answered; the same words in every chat."""

from handlers.commands.answers import (
    Act,
    Answer,
    Line,
    Picture,
    Row,
    Style,
    Table,
    Tone,
    said_no,
    told,
)
from handlers.commands.asked_for import Finder
from handlers.commands.checkup import Finding
from handlers.commands.desk import Desk
from handlers.commands.words import Asked, Role, Vocabulary, Word
from handlers.evidence import File

__all__ = [
    "Act",
    "Answer",
    "Asked",
    "Desk",
    "File",
    "Finder",
    "Finding",
    "Line",
    "Picture",
    "Role",
    "Row",
    "Style",
    "Table",
    "Tone",
    "Vocabulary",
    "Word",
    "said_no",
    "told",
]
