"""What people type in chat, and what they are answered; the same words in every chat."""

from handlers.commands.answers import (
    Act,
    Answer,
    File,
    Line,
    Picture,
    Row,
    Style,
    Table,
    Tone,
    said_no,
    told,
)

__all__ = ["Act", "Answer", "File", "Line", "Picture", "Row", "Style", "Table", "Tone", "said_no", "told"]
