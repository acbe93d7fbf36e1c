"""What goes wrong with a store, in words: each message names the URL, what is wrong and what to do.

Every file system raises errors of its own libraries' kinds, so they are told apart by name, status and code, not by type: then
none of these libraries need be there.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from typing import Any, Literal

from vitruvian.errors import InputError
from vitruvian.storage.url import Url

Kind = Literal["missing", "bucket", "denied", "credentials", "passing", "other"]
PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs"}
"""The packages of the extra ``cloud``."""

_BUCKET = ("NoSuchBucket", "InvalidBucketName", "ParamValidationError")
_CREDENTIALS = (
    "NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound", "DefaultCredentialsError",
    "ExpiredToken", "ExpiredTokenException", "TokenRetrievalError", "SSOTokenLoadError", "UnauthorizedSSOTokenError",
    "RefreshError", "ClientAuthenticationError",
)  # fmt: skip
_DENIED = ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "AllAccessDisabled", "RequestTimeTooSkewed")
_PASSING = (
    "ConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionClosedError", "EndpointConnectionError",
    "HTTPClientError", "ResponseStreamingError", "IncompleteReadError", "FSTimeoutError", "TimeoutError", "ClientError",
    "ClientPayloadError", "ServerDisconnectedError", "ClientConnectionError", "RequestTimeout", "SlowDown", "InternalError",
    "ServiceUnavailable", "BadDigest", "XAmzContentSHA256Mismatch", "TransportError", "ServiceRequestError",
    "ServiceResponseError", "ChecksumError", "FlexibleChecksumError",
)  # fmt: skip
_PASSING_NUMBERS = (
    errno.EBUSY, errno.EAGAIN, errno.ETIMEDOUT, errno.ECONNRESET, errno.ECONNREFUSED, errno.EPIPE, errno.ENETUNREACH,
    errno.EHOSTUNREACH, getattr(errno, "EREMOTEIO", errno.EIO),
)  # fmt: skip


class StorageError(InputError):
    """A store did not do what was asked. ``passing``: it may, later; the network or the store was away or too busy."""

    def __init__(self, message: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (str(self), self.passing)


def _again(message: str, passing: bool) -> StorageError:
    return StorageError(message, passing=passing)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and those behind it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def kind_of(error: BaseException) -> Kind:
    """What sort of fault an error of a file system is."""
    errors = list(_chain(error))
    responses = [response for e in errors if isinstance(response := getattr(e, "response", None), dict)]
    codes = {str(response.get("Error", {}).get("Code", "")) for response in responses}
    status = [response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) for response in responses]
    status += [value for e in errors for name in ("status", "code") if isinstance(value := getattr(e, name, None), int)]
    names = {kind.__name__ for e in errors for kind in type(e).__mro__} - ({"ClientError"} if responses else set())
    words = names | codes
    if words & set(_BUCKET) or any("bucket does not exist" in str(e).lower() for e in errors):
        return "bucket"
    if words & set(_CREDENTIALS):
        return "credentials"
    if words & set(_DENIED) or isinstance(error, PermissionError) or {401, 403} & set(status):
        return "denied"
    if isinstance(error, FileNotFoundError | IsADirectoryError) or 404 in status:
        return "missing"
    numbers = {e.errno for e in errors if isinstance(e, OSError)}
    if words & set(_PASSING) or any(value >= 500 or value == 429 for value in status) or numbers & set(_PASSING_NUMBERS):
        return "passing"
    return "other"


def explained(error: BaseException, url: Url, doing: str, *, tried: str = "") -> StorageError:
    """The error in words. ``doing``: ``read``, ``written``, ``listed`` or ``removed``. ``tried``: how often, how long."""
    kind = kind_of(error)
    said = (str(error).strip().splitlines() or [""])[0][:200] or type(error).__name__
    where = _endpoint(url)
    if kind == "bucket":
        return StorageError(
            f"{url}: there is no bucket {url.bucket!r}{where} ({said}). Create it, or check its name"
            + (" and AWS_ENDPOINT_URL." if PACKAGES.get(url.protocol) == "s3fs" else ".")
        )
    if kind == "credentials":
        return StorageError(
            f"{url}: cannot be {doing}, there are no valid credentials{where} ({said}). {_how_to_log_in(url)} On a cluster "
            "every node needs them."
        )
    if kind == "denied":
        return StorageError(
            f"{url}: cannot be {doing}, access was denied{where} ({said}). Check which credentials are in use and that they "
            f"allow it: objects below {url} must be listed, read, written and removed."
        )
    if kind == "missing":
        return StorageError(f"{url}: is not there{where}. Check the name; it may have been removed meanwhile.")
    if kind == "passing":
        return StorageError(
            f"{url}: cannot be {doing}, no good answer{where}{tried} ({said}). Check the network"
            + (" and AWS_ENDPOINT_URL" if PACKAGES.get(url.protocol) == "s3fs" else "")
            + "; the same command continues.",
            passing=True,
        )
    return StorageError(f"{url}: cannot be {doing}{where} ({type(error).__name__}: {said}).")


def _endpoint(url: Url) -> str:
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    return f" at {endpoint}" if endpoint and PACKAGES.get(url.protocol) == "s3fs" else ""


def _how_to_log_in(url: Url) -> str:
    if PACKAGES.get(url.protocol) == "s3fs":
        return "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the machine a role."
    if PACKAGES.get(url.protocol) == "gcsfs":
        return "Set GOOGLE_APPLICATION_CREDENTIALS, or run gcloud auth application-default login, or give the machine a role."
    return "Give them as the store's own programs take them."


def no_package(url: Url, error: Exception) -> StorageError:
    """The file system's package is not installed, or the protocol is unknown."""
    package = PACKAGES.get(url.protocol)
    if package is not None:
        return StorageError(
            f"{url}: {url.protocol}:// needs the package {package}, which is not installed. Install the extra: "
            "pip install 'vitruvian[cloud]'"
        )
    return StorageError(
        f"{url}: {url.protocol}:// cannot be used ({error}). s3:// and gs:// come with pip install 'vitruvian[cloud]'; other "
        "file systems of fsspec need their own packages."
    )
