"""The one error of the audit log."""


class LogBroken(ValueError):
    """What was read is not the log that was written; says what is wrong, and at which entry.

    `sequence` is the first entry that is (or may be) bad, or None if no entry is to blame.
    """

    def __init__(self, reason: str, sequence: int | None = None) -> None:
        super().__init__(reason if sequence is None else f"entry {sequence}: {reason}")
        self.sequence = sequence
