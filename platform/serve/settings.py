"""Everything that a server is told: what it hosts, how it works, and what it allows strangers."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vitruvian.errors import InputError
from vitruvian.methods.fields.options import MAX_RESOLUTION, MIN_RESOLUTION

TOKEN_VARIABLE = "VITRUVIAN_SERVE_TOKEN"
MIN_TOKEN = 16
FORMATS = ("glb", "ply", "obj")


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What a stranger may ask for."""

    upload_megabytes: float = 20.0
    """Of a whole request, in millions of bytes."""
    upload_seconds: float = 30.0
    """A request must have arrived by then."""
    megapixels: float = 40.0
    """Of a picture or mask, read from its header before it is decoded."""
    resolution: int = 256
    """The finest grid that may be asked for."""
    queue: int = 32
    """Requests that may wait; further ones are answered 429."""
    seconds: float = 60.0
    """For a request from the moment that it has arrived."""
    requests_per_minute: float = 120.0
    """Of each client, of those that reconstruct; 0: any number."""
    burst: int = 30
    """So many at once before that rate holds."""
    result_minutes: float = 10.0
    """How long results can be fetched."""
    result_megabytes: float = 256.0
    """Of memory for results; the oldest go first."""

    def __post_init__(self) -> None:
        for name in ("upload_megabytes", "upload_seconds", "megapixels", "seconds", "result_minutes", "result_megabytes"):
            if not getattr(self, name) > 0:
                raise InputError(f"--limits.{name.replace('_', '-')}: is {getattr(self, name)}; it must be above 0.")
        if self.queue < 1 or self.burst < 1 or self.requests_per_minute < 0:
            raise InputError("--limits: queue and burst must be at least 1, requests-per-minute at least 0.")
        if not MIN_RESOLUTION <= self.resolution <= MAX_RESOLUTION:
            raise InputError(f"--limits.resolution: is {self.resolution}; take {MIN_RESOLUTION} to {MAX_RESOLUTION}.")

    @property
    def upload_bytes(self) -> int:
        return int(self.upload_megabytes * 1e6)

    @property
    def pixels(self) -> int:
        return int(self.megapixels * 1e6)


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Of one application; plain values, so that a config file can hold them."""

    models: tuple[str, ...] = ()
    """References, each perhaps with a name before it (``NAME=REFERENCE``); none: all that is registered, or built in."""
    store: str | None = None
    """MLflow's tracking URI."""
    batch_size: int = 8
    """Pictures that a replica takes at a time; 1: one after the other."""
    batch_wait_s: float = 0.01
    """How long a batch that is not full waits for more."""
    cores_per_replica: int = 2
    """Pictures that a replica computes at the same moment, one a core."""
    min_replicas: int = 1
    max_replicas: int = 1
    models_per_replica: int = 4
    """Kept in memory; of more, those that were not used for longest are dropped and loaded again when asked for."""
    device: str = "cpu"
    watch_s: float = 30.0
    """How often it is looked whether an alias or a folder holds other weights now; 0: never."""
    drain_s: float = 60.0
    """How long requests that are in work may still take when the server stops."""
    token_file: str | None = None
    """A file with the API token; None: the environment's VITRUVIAN_SERVE_TOKEN, if it is set."""
    hosts: tuple[str, ...] = ()
    """Names under which clients reach the server, beside this machine's own loopback names; ``*``: any."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses of reverse proxies whose X-Forwarded-For is believed."""
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        for name in ("batch_size", "cores_per_replica", "min_replicas", "models_per_replica"):
            if getattr(self, name) < 1:
                raise InputError(f"--{name.replace('_', '-')}: is {getattr(self, name)}; it must be at least 1.")
        if self.max_replicas < self.min_replicas:
            raise InputError(f"--replicas: at most {self.max_replicas} is fewer than at least {self.min_replicas}.")
        if self.batch_wait_s < 0 or self.watch_s < 0 or self.drain_s < 0:
            raise InputError("--batch-wait-s, --watch-s, --drain-s: must not be negative.")

    def token(self) -> str | None:
        """The API token, or None where anybody may ask; ``InputError`` for one that is too short or not there."""
        if self.token_file is not None:
            try:
                token = Path(self.token_file).expanduser().read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise InputError(f"--token-file {self.token_file}: cannot be read ({type(error).__name__}).") from None
            origin = f"--token-file {self.token_file}"
        else:
            token, origin = os.environ.get(TOKEN_VARIABLE, ""), TOKEN_VARIABLE
            if not token:
                return None
        if len(token) < MIN_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
            raise InputError(
                f"{origin}: a token has at least {MIN_TOKEN} printable ASCII characters and no spaces. Make one: "
                "python -c 'import secrets; print(secrets.token_urlsafe(32))'"
            )
        return token

    def to_dict(self) -> dict[str, Any]:
        """JSON and YAML values."""
        return _plain(dataclasses.asdict(self))


def settings_from(values: Mapping[str, Any]) -> Settings:
    """The settings of a config file; ``InputError`` for names that do not exist and values of the wrong kind."""
    given = dict(values)
    limits = given.pop("limits", {})
    if not isinstance(limits, Mapping):
        raise InputError("limits: must be a mapping of names to numbers.")
    return _filled(Settings, given | {"limits": _filled(Limits, dict(limits), "limits.")}, "")


def _filled(kind: type[Any], given: dict[str, Any], prefix: str) -> Any:
    known = {item.name: item for item in dataclasses.fields(kind)}
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise InputError(f"{prefix}{unknown[0]}: there is no such setting; there are {', '.join(sorted(known))}.")
    default = kind()
    checked = {}
    for name, value in given.items():
        expected = getattr(default, name)
        if isinstance(expected, tuple):
            if isinstance(value, str) or not all(isinstance(item, str) for item in value):
                raise InputError(f"{prefix}{name}: must be a list of texts.")
            value = tuple(value)
        elif isinstance(expected, float) and isinstance(value, int | float) and not isinstance(value, bool):
            value = float(value)
        elif expected is None:
            if value is not None and not isinstance(value, str):
                raise InputError(f"{prefix}{name}: is {value!r}; it must be a text.")
        elif not isinstance(value, type(expected)) or isinstance(value, bool):
            raise InputError(f"{prefix}{name}: is {value!r}; it must be of the kind of {expected!r}.")
        checked[name] = value
    return kind(**checked)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return list(value) if isinstance(value, tuple) else value
