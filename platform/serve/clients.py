"""Who asks, and how often: clients are told apart by their address, each has a bucket of tokens that fills at the allowed rate.

The address is that of the connection. Behind reverse proxies that the settings name it is the last address in X-Forwarded-For
that is not one of theirs. An IPv6 client is its /64 network: that is what one subscriber has.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable

MAX_CLIENTS = 20_000
"""Remembered; of more, those that were silent for longest are forgotten."""


class Buckets:
    """A token bucket a client: ``burst`` requests at once, ``per_minute`` in the long run."""

    def __init__(self, *, per_minute: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_second, self.burst, self.clock = per_minute / 60, float(burst), clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> float:
        """0 if the client may go on, else the seconds after which it may ask again."""
        if self.per_second <= 0:
            return 0.0
        now = self.clock()
        tokens, last = self._buckets.pop(client, (self.burst, now))
        tokens = min(self.burst, tokens + (now - last) * self.per_second)
        allowed = tokens >= 1
        self._buckets[client] = (tokens - 1 if allowed else tokens, now)
        while len(self._buckets) > MAX_CLIENTS:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - tokens) / self.per_second


def client_of(peer: str | None, forwarded: str | None, trusted: Iterable[str]) -> str:
    """The client's name from the connection's address and X-Forwarded-For."""
    believed = {_plain(address) for address in trusted}
    address = _plain(peer or "")
    if address in believed:
        for hop in reversed((forwarded or "").split(",")):
            hop = _plain(hop.strip())
            if hop and hop not in believed:
                address = hop
                break
    return _network(address)


def _plain(address: str) -> str:
    """Without a port and brackets; an IPv4 address that was mapped into IPv6 as itself; empty if it is none."""
    text = address.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return ""
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or found)


def _network(address: str) -> str:
    if not address:
        return "unknown"
    if ":" in address:
        return str(ipaddress.ip_network(f"{address}/64", strict=False))
    return address
