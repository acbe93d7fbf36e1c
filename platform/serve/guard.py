"""Who may ask: the API token, names under which the server is known, pages of other sites; and what browsers are told.

A server on this machine's loopback is reached by every page in the user's browser. So a page of another site is refused by its
Origin, and a name that a stranger has pointed at 127.0.0.1 (DNS rebinding) by Host.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from vitruvian.serve.problems import Problem

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
DOCUMENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
"""Of the page that describes the API: its own style, nothing else. The page for people brings its own policy."""
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(), microphone=(), payment=(), usb=()",
}
ANSWER_POLICY = "default-src 'none'; frame-ancestors 'none'"
"""Of everything that is no page."""


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_host(headers: Headers, allowed: Iterable[str]) -> None:
    """Raises ``Problem`` if the request is for a name that the server does not have."""
    names = {name.lower() for name in allowed}
    if "*" in names:
        return
    if _name(headers.get("host", "")) not in names | set(LOOPBACK_NAMES):
        raise Problem(
            "wrong_host",
            "This server is not known by this name.",
            "Its operator can add the name: vitruvian serve --hosts NAME",
        )


def check_origin(headers: Headers) -> None:
    """Raises ``Problem`` if a page of another site sends the request. Programs send no Origin."""
    origin = headers.get("origin")
    if headers.get("sec-fetch-site") in ("cross-site", "same-site") or (
        origin is not None and urlsplit_netloc(origin) != headers.get("host", "").lower()
    ):
        raise Problem(
            "foreign_page", "Pages of other sites may not ask this server.", "Use the server's own page, or a program."
        )


def check_token(headers: Headers, token: str | None) -> None:
    """Raises ``Problem`` without the right ``Authorization: Bearer TOKEN``; the comparison takes the same time for all."""
    if token is None:
        return
    scheme, _, given = headers.get("authorization", "").partition(" ")
    right = hmac.compare_digest(given.strip().encode("utf-8", "replace"), token.encode())
    if scheme.lower() != "bearer" or not right:
        raise Problem("unauthorized", "The API token is missing or wrong.", "Send the header Authorization: Bearer TOKEN.")


def urlsplit_netloc(origin: str) -> str:
    """Host and port of an origin, as the Host header has them; empty for ``null`` and nonsense."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _name(host: str) -> str:
    """Without the port."""
    text = host.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
