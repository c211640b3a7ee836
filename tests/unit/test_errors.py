from __future__ import annotations

import pickle
import re
from typing import get_args

import pytest

from cutscene import errors
from cutscene.skills.contract import ErrorCode

ALL = [getattr(errors, name) for name in errors.__all__ if name != "from_code"]
CODES = {
    "INPUT_VALIDATION_ERROR",
    "QUOTA_EXCEEDED_ERROR",
    "RATE_LIMIT_ERROR",
    "PROVIDER_AUTH_ERROR",
    "PROVIDER_ERROR",
    "TIMEOUT_ERROR",
    "STORAGE_ERROR",
    "CANCELLED",
    "NOT_FOUND",
    "CONFLICT",
}


def test_the_drawing_shows_the_tree() -> None:
    drawn = re.findall(r"[─ ](\w+Error)\b", errors.__doc__ or "")
    assert set(drawn) | {"CutsceneError"} == {error.__name__ for error in ALL}
    for line in (errors.__doc__ or "").splitlines():
        if match := re.search(r"─ (\w+Error) +([A-Z_]{8,})", line):
            assert getattr(errors, match[1]).code == match[2]


def test_the_codes_are_the_contract_and_what_skills_answer() -> None:
    assert {error.code for error in ALL} == CODES == set(get_args(ErrorCode))


@pytest.mark.parametrize("error", ALL)
def test_errors_pickle_with_their_detail(error: type[errors.CutsceneError]) -> None:
    before = error("A sentence.").with_detail("INTERNAL.BAD_OUTPUT")
    after = pickle.loads(pickle.dumps(before))
    assert (type(after), str(after), after.detail) == (error, "A sentence.", "INTERNAL.BAD_OUTPUT")


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_stored_error_comes_back(code: str) -> None:
    error = errors.from_code(code, "A sentence.", "why")
    assert (error.code, str(error), error.detail) == (code, "A sentence.", "why")


def test_a_lost_submission_comes_back_as_itself() -> None:
    lost = errors.SubmissionUnknownError("Lost.")
    again = errors.from_code(lost.code, str(lost), lost.detail)
    assert type(again) is errors.SubmissionUnknownError
    assert not again.retryable
