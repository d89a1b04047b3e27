"""The errors of the command: each names a cause and a cure, and has an exit code.

CommandError
├── FindingsError           the command worked, and what it found needs the operator
├── InputError              an argument or an input is wrong
├── StackError              the stack cannot be found or used
├── KalturaRefusedError     Kaltura does not accept the credentials, or is down
├── NotExportedError        a file that was asked for does not exist
└── DownloadError           a file cannot be downloaded, or is not what it should be
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of the command, for scripts."""

    SUCCESS = 0
    """Done; nothing needs the operator."""
    FINDINGS = 1
    """Done, and something needs the operator: a check failed, data are late, a window failed."""
    USAGE = 2
    """An argument or an input is wrong. Nothing was done."""
    STACK = 3
    """The stack was not found, or AWS refused or did not respond."""
    KALTURA = 4
    """Kaltura refused the credentials, or did not respond. Nothing was saved."""
    NOT_EXPORTED = 5
    """A file that was asked for has not been exported."""
    DOWNLOAD = 6
    """A download failed or its SHA-256 was wrong. Running the command again resumes it."""
    INTERRUPTED = 130
    """Stopped with Ctrl-C."""


class CommandError(Exception):
    """Base class of every error that the command reports.

    Attributes:
        cause: What happened, as a sentence.
        cure: What to do about it, as a sentence or a command; empty if there is nothing.
    """

    exit_code = ExitCode.FINDINGS

    def __init__(self, cause: str, cure: str = "") -> None:
        self.cause = cause
        self.cure = cure
        super().__init__(cause)


class FindingsError(CommandError):
    """Raised after the output, when what the command found needs the operator."""


class InputError(CommandError):
    """Raised when an argument or an input is wrong."""

    exit_code = ExitCode.USAGE


class StackError(CommandError):
    """Raised when the stack cannot be found, or AWS refuses or does not respond."""

    exit_code = ExitCode.STACK


class KalturaRefusedError(CommandError):
    """Raised when Kaltura does not accept the credentials, or does not respond."""

    exit_code = ExitCode.KALTURA


class NotExportedError(CommandError):
    """Raised when a file that was asked for has not been exported."""

    exit_code = ExitCode.NOT_EXPORTED


class DownloadError(CommandError):
    """Raised when a download failed, or the file is not what it should be."""

    exit_code = ExitCode.DOWNLOAD
