"""Cloud Build: a build whose status has changed, by Eventarc or from the Pub/Sub topic `cloud-builds`.

The topic carries the REST API's `Build`, which has some fields more; they are kept in `model_extra`.

Facts: google/events/cloud/cloudbuild/v1/data.proto of googleapis/google-cloudevents; "Subscribe to build notifications" of
Cloud Build's documentation.
"""

from __future__ import annotations

from .base import Bytes, Duration, Int64, Model, Timestamp
from .enums import Enumeration, OpenEnum

__all__ = [
    "Artifacts",
    "ArtifactsObjects",
    "BuildEventData",
    "BuildOptions",
    "BuildStep",
    "BuiltImage",
    "FileHashes",
    "Hash",
    "HashType",
    "LogStreamingOption",
    "LoggingMode",
    "MachineType",
    "RepoSource",
    "Results",
    "Secret",
    "Source",
    "SourceProvenance",
    "Status",
    "StorageSource",
    "SubstitutionOption",
    "TimeSpan",
    "VerifyOption",
    "Volume",
]


class Status(Enumeration):
    """How far a build or a step has come."""

    STATUS_UNKNOWN = "STATUS_UNKNOWN", 0
    QUEUED = "QUEUED", 1
    WORKING = "WORKING", 2
    SUCCESS = "SUCCESS", 3
    FAILURE = "FAILURE", 4
    INTERNAL_ERROR = "INTERNAL_ERROR", 5
    TIMEOUT = "TIMEOUT", 6
    CANCELLED = "CANCELLED", 7
    EXPIRED = "EXPIRED", 9


class HashType(Enumeration):
    """How a file was hashed."""

    NONE = "NONE", 0
    SHA256 = "SHA256", 1
    MD5 = "MD5", 2


class VerifyOption(Enumeration):
    """Whether a build's provenance was to be verifiable."""

    NOT_VERIFIED = "NOT_VERIFIED", 0
    VERIFIED = "VERIFIED", 1


class MachineType(Enumeration):
    """On what a build ran; Google has added many since."""

    UNSPECIFIED = "UNSPECIFIED", 0
    N1_HIGHCPU_8 = "N1_HIGHCPU_8", 1
    N1_HIGHCPU_32 = "N1_HIGHCPU_32", 2


class SubstitutionOption(Enumeration):
    """Whether every substitution had to be used."""

    MUST_MATCH = "MUST_MATCH", 0
    ALLOW_LOOSE = "ALLOW_LOOSE", 1


class LogStreamingOption(Enumeration):
    """Whether logs were streamed to Cloud Storage."""

    STREAM_DEFAULT = "STREAM_DEFAULT", 0
    STREAM_ON = "STREAM_ON", 1
    STREAM_OFF = "STREAM_OFF", 2


class LoggingMode(Enumeration):
    """Where logs were written."""

    LOGGING_UNSPECIFIED = "LOGGING_UNSPECIFIED", 0
    LEGACY = "LEGACY", 1
    GCS_ONLY = "GCS_ONLY", 2


class TimeSpan(Model):
    """From when to when."""

    start_time: Timestamp | None = None
    end_time: Timestamp | None = None


class Volume(Model):
    """A volume that steps share."""

    name: str = ""
    path: str = ""


class StorageSource(Model):
    """An archive in Cloud Storage."""

    bucket: str = ""
    object: str = ""
    generation: Int64 = 0


class RepoSource(Model):
    """A revision of a repository: one of branch, tag and commit."""

    project_id: str = ""
    repo_name: str = ""
    #: A regular expression, as `tag_name` is.
    branch_name: str | None = None
    tag_name: str | None = None
    commit_sha: str | None = None
    dir: str = ""
    #: Whether revisions that do not match were meant.
    invert_regex: bool = False
    substitutions: dict[str, str] = {}


class Source(Model):
    """What was built: one of the two."""

    storage_source: StorageSource | None = None
    repo_source: RepoSource | None = None


class BuildStep(Model):
    """One container that the build runs."""

    name: str = ""
    env: list[str] = []
    args: list[str] = []
    dir: str = ""
    id: str = ""
    wait_for: list[str] = []
    entrypoint: str = ""
    secret_env: list[str] = []
    volumes: list[Volume] = []
    timing: TimeSpan | None = None
    pull_timing: TimeSpan | None = None
    timeout: Duration | None = None
    status: OpenEnum[Status] = Status.STATUS_UNKNOWN


class BuiltImage(Model):
    """An image that the build pushed."""

    name: str = ""
    digest: str = ""
    push_timing: TimeSpan | None = None


class Results(Model):
    """What the build made."""

    images: list[BuiltImage] = []
    build_step_images: list[str] = []
    artifact_manifest: str = ""
    num_artifacts: Int64 = 0
    #: What each step wrote to its output file, up to 4 KB.
    build_step_outputs: list[Bytes] = []
    artifact_timing: TimeSpan | None = None


class ArtifactsObjects(Model):
    """Files to be uploaded to Cloud Storage."""

    location: str = ""
    paths: list[str] = []
    timing: TimeSpan | None = None


class Artifacts(Model):
    """What the build was to upload."""

    images: list[str] = []
    objects: ArtifactsObjects | None = None


class Hash(Model):
    """One hash of a file."""

    type: OpenEnum[HashType] = HashType.NONE
    value: Bytes = b""


class FileHashes(Model):
    """All hashes of a file."""

    file_hash: list[Hash] = []


class SourceProvenance(Model):
    """What exactly was built, as `source` was resolved."""

    resolved_storage_source: StorageSource | None = None
    resolved_repo_source: RepoSource | None = None
    file_hashes: dict[str, FileHashes] = {}


class BuildOptions(Model):
    """Options of the build."""

    source_provenance_hash: list[OpenEnum[HashType]] = []
    requested_verify_option: OpenEnum[VerifyOption] = VerifyOption.NOT_VERIFIED
    machine_type: OpenEnum[MachineType] = MachineType.UNSPECIFIED
    disk_size_gb: Int64 = 0
    substitution_option: OpenEnum[SubstitutionOption] = SubstitutionOption.MUST_MATCH
    log_streaming_option: OpenEnum[LogStreamingOption] = LogStreamingOption.STREAM_DEFAULT
    worker_pool: str = ""
    logging: OpenEnum[LoggingMode] = LoggingMode.LOGGING_UNSPECIFIED
    env: list[str] = []
    secret_env: list[str] = []
    volumes: list[Volume] = []


class Secret(Model):
    """Encrypted environment variables."""

    kms_key_name: str = ""
    secret_env: dict[str, Bytes] = {}


class BuildEventData(Model):
    """A build."""

    id: str = ""
    project_id: str = ""
    status: OpenEnum[Status] = Status.STATUS_UNKNOWN
    status_detail: str = ""
    source: Source | None = None
    steps: list[BuildStep] = []
    results: Results | None = None
    create_time: Timestamp | None = None
    start_time: Timestamp | None = None
    finish_time: Timestamp | None = None
    timeout: Duration | None = None
    images: list[str] = []
    queue_ttl: Duration | None = None
    artifacts: Artifacts | None = None
    logs_bucket: str = ""
    source_provenance: SourceProvenance | None = None
    build_trigger_id: str = ""
    options: BuildOptions | None = None
    log_url: str = ""
    substitutions: dict[str, str] = {}
    tags: list[str] = []
    secrets: list[Secret] = []
    #: By phase: BUILD, PUSH, FETCHSOURCE.
    timing: dict[str, TimeSpan] = {}
