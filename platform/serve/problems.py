"""What can go wrong with a request, as the API says it: a code for programs, a sentence for people, and what to do about it."""

from __future__ import annotations

from typing import Any

STATUS = {
    "bad_request": 400,
    "unauthorized": 401,
    "foreign_page": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "upload_too_slow": 408,
    "too_large": 413,
    "unsupported_media_type": 415,
    "wrong_host": 421,
    "bad_picture": 422,
    "nobody_found": 422,
    "no_body_model": 422,
    "rate_limited": 429,
    "busy": 429,
    "headers_too_large": 431,
    "internal": 500,
    "draining": 503,
    "timed_out": 504,
}
"""Every code and its HTTP status."""


class Problem(Exception):  # noqa: N818
    """A request that gets an error for an answer. Messages name no paths of the server and no code."""

    def __init__(self, code: str, message: str, hint: str = "", *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        if code not in STATUS:
            raise ValueError(f"Problem: there is no code {code!r}.")
        self.code, self.message, self.hint, self.retry_after_s = code, message, hint, retry_after_s

    @property
    def status(self) -> int:
        return STATUS[self.code]

    def body(self, request_id: str) -> dict[str, Any]:
        """The JSON that answers the request."""
        return {"error": {"code": self.code, "message": self.message, "hint": self.hint}, "request_id": request_id}

    def headers(self) -> dict[str, str]:
        """``Retry-After`` in whole seconds, and for 401 how to identify oneself."""
        found = {}
        if self.retry_after_s is not None:
            found["Retry-After"] = str(max(1, round(self.retry_after_s + 0.5)))
        if self.code == "unauthorized":
            found["WWW-Authenticate"] = 'Bearer realm="vitruvian"'
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        """As itself between processes; an exception's own way would lose the fields."""
        return _again, (self.code, self.message, self.hint, self.retry_after_s)


def _again(code: str, message: str, hint: str, retry_after_s: float | None) -> Problem:
    return Problem(code, message, hint, retry_after_s=retry_after_s)
