"""Firebase Test Lab: a test matrix that is complete.

Facts: google/events/firebase/testlab/v1/data.proto of googleapis/google-cloudevents.
"""

from __future__ import annotations

from typing import ClassVar

from .base import Model, Timestamp
from .enums import Enumeration, OpenEnum

__all__ = ["ClientInfo", "OutcomeSummary", "ResultStorage", "TestMatrixEventData", "TestState"]


class TestState(Enumeration):
    """How far a matrix has come."""

    __test__ = False  # pytest takes classes of this name for tests

    TEST_STATE_UNSPECIFIED = "TEST_STATE_UNSPECIFIED", 0
    VALIDATING = "VALIDATING", 1
    PENDING = "PENDING", 2
    FINISHED = "FINISHED", 3
    ERROR = "ERROR", 4
    INVALID = "INVALID", 5


class OutcomeSummary(Enumeration):
    """What came of it."""

    OUTCOME_SUMMARY_UNSPECIFIED = "OUTCOME_SUMMARY_UNSPECIFIED", 0
    SUCCESS = "SUCCESS", 1
    FAILURE = "FAILURE", 2
    INCONCLUSIVE = "INCONCLUSIVE", 3
    SKIPPED = "SKIPPED", 4


class ResultStorage(Model):
    """Where the results are."""

    tool_results_history: str = ""
    tool_results_execution: str = ""
    results_uri: str = ""
    gcs_path: str = ""


class ClientInfo(Model):
    """What started the tests."""

    client: str = ""
    details: dict[str, str] = {}


class TestMatrixEventData(Model):
    """A test matrix."""

    __test__: ClassVar[bool] = False  # as above

    create_time: Timestamp | None = None
    state: OpenEnum[TestState] = TestState.TEST_STATE_UNSPECIFIED
    invalid_matrix_details: str = ""
    outcome_summary: OpenEnum[OutcomeSummary] = OutcomeSummary.OUTCOME_SUMMARY_UNSPECIFIED
    result_storage: ResultStorage | None = None
    client_info: ClientInfo | None = None
    test_matrix_id: str = ""
