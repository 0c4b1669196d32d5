"""The two ways in which a command ends badly, each with its exit code and a sentence on how to mend it."""

from __future__ import annotations


class MigrationError(Exception):
    """The command refused or failed; the message says why, the mend says what to do now."""

    exit_code = 1

    def __init__(self, message: str, mend: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.mend = mend

    def __str__(self) -> str:
        return f"{self.message}\n{self.mend}" if self.mend else self.message


class ConnectionFailed(MigrationError):
    """The database could not be reached or would not let us in."""

    exit_code = 3
