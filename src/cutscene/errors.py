"""Every way Cutscene can fail, as seen by callers.

    CutsceneError
    ├── InputValidationError     INPUT_VALIDATION_ERROR   bad input, content policy
    ├── QuotaExceededError       QUOTA_EXCEEDED_ERROR     credits, daily cap, tenant budget
    │   └── BudgetExceededError                           the tenant's, whoever the provider is
    ├── RateLimitError           RATE_LIMIT_ERROR         too fast; later is fine
    ├── ProviderAuthError        PROVIDER_AUTH_ERROR      the provider refuses our key
    ├── ProviderError            PROVIDER_ERROR           the generation failed
    │   └── SubmissionUnknownError                        perhaps paid, never repeated unasked
    ├── GenerationTimeoutError   TIMEOUT_ERROR            not done within the deadline
    ├── StorageError             STORAGE_ERROR            the result could not be kept
    │   └── DatabaseAwayError                             work waits until it is back
    ├── CancelledError           CANCELLED                somebody asked for it
    ├── NotFoundError            NOT_FOUND                no such thing, or not this tenant's
    └── ConflictError            CONFLICT                 against what is already there
        └── WorkerConflictError                           this home has its worker already

What a provider says about a refused or lost submission is not here: see
``NotSubmitted`` and ``SubmissionUnknown`` in ``cutscene.providers``.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "BudgetExceededError",
    "CancelledError",
    "ConflictError",
    "CutsceneError",
    "DatabaseAwayError",
    "GenerationTimeoutError",
    "InputValidationError",
    "NotFoundError",
    "ProviderAuthError",
    "ProviderError",
    "QuotaExceededError",
    "RateLimitError",
    "StorageError",
    "SubmissionUnknownError",
    "WorkerConflictError",
    "from_code",
]


class CutsceneError(Exception):
    """Base of all. ``str(error)`` is one sentence that is safe to show to a user.

    Exactly one positional argument, so that errors survive pickling; ``detail``
    (vendor codes, for operators) is set afterwards by `with_detail`.
    """

    code: ClassVar[str] = "PROVIDER_ERROR"
    status: ClassVar[int] = 500
    """HTTP status that the service answers with."""
    retryable: ClassVar[bool] = False
    """Whether the same request may succeed later, unchanged."""

    detail: str | None = None

    def __init__(self, message: str) -> None:
        super().__init__(message)

    def with_detail(self, detail: str | None) -> CutsceneError:
        """Attach what an operator wants to know; never a key or a signed URL."""
        self.detail = detail
        return self


class InputValidationError(CutsceneError):
    """The request can never succeed as it is."""

    code = "INPUT_VALIDATION_ERROR"
    status = 422


class QuotaExceededError(CutsceneError):
    """Out of credits: the provider's, the day's or the tenant's."""

    code = "QUOTA_EXCEEDED_ERROR"
    status = 402


class BudgetExceededError(QuotaExceededError):
    """More than a tenant may spend in a month; another provider would not change that."""


class RateLimitError(CutsceneError):
    """Too many calls in too little time."""

    code = "RATE_LIMIT_ERROR"
    status = 429
    retryable = True


class ProviderAuthError(CutsceneError):
    """The provider refuses our key."""

    code = "PROVIDER_AUTH_ERROR"
    status = 502


class ProviderError(CutsceneError):
    """The provider took the job and failed at it, or something of ours broke."""

    code = "PROVIDER_ERROR"
    status = 502
    retryable = True


class SubmissionUnknownError(ProviderError):
    """The provider's answer was lost: the generation may have been paid for."""

    retryable = False

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.detail = "SUBMISSION_UNKNOWN"


class GenerationTimeoutError(CutsceneError):
    """The generation was not done within its deadline."""

    code = "TIMEOUT_ERROR"
    status = 504
    retryable = True


class StorageError(CutsceneError):
    """The clip could not be written to, or read from, permanent storage."""

    code = "STORAGE_ERROR"
    status = 503
    retryable = True


class DatabaseAwayError(StorageError):
    """The database did not come back within the time that a transaction waits for it."""


class SchemaMovedError(DatabaseAwayError):
    """A newer version has changed the database so that this process cannot go on with it."""


class CancelledError(CutsceneError):
    """The job was cancelled."""

    code = "CANCELLED"
    status = 409


class NotFoundError(CutsceneError):
    """No such thing, or it belongs to another tenant."""

    code = "NOT_FOUND"
    status = 404


class ConflictError(CutsceneError):
    """The request contradicts what is already there."""

    code = "CONFLICT"
    status = 409


class WorkerConflictError(ConflictError):
    """Another process is the worker of this home."""


_BY_CODE: dict[str, type[CutsceneError]] = {
    error.code: error
    for error in (
        InputValidationError,
        QuotaExceededError,
        RateLimitError,
        ProviderAuthError,
        ProviderError,
        GenerationTimeoutError,
        StorageError,
        CancelledError,
        NotFoundError,
        ConflictError,
    )
}


def from_code(code: str, message: str, detail: str | None = None) -> CutsceneError:
    """The error that a stored code and message stand for."""
    if detail == "SUBMISSION_UNKNOWN":
        return SubmissionUnknownError(message)
    return _BY_CODE.get(code, ProviderError)(message).with_detail(detail)
