"""``vitruvian serve``: host reconstructors behind an HTTP API and a web page."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from vitruvian.cli.arguments import parse
from vitruvian.errors import InputError
from vitruvian.serve.settings import Limits, Settings

NEEDED = ("fastapi", "python_multipart", "prometheus_client", "uvicorn")
DESCRIPTION = """Host reconstructors: an HTTP API, and a web page at /.

Without --models it hosts all that the MLflow store has registered (alias champion, else the newest version), and if there is
nothing, the small weights that come with the package. --models takes models:/NAME@ALIAS, models:/NAME/VERSION, weights folders,
folders of training runs, words of the package (pifu, geopifu), each perhaps with a name for the API: best=models:/pifu@tiny.
When an alias or a folder gets other weights, they are loaded, tried and then used, without a failed request (--watch-s; at once
on SIGHUP).

It listens on this machine only. Another --host needs an API token (--token-file, or VITRUVIAN_SERVE_TOKEN): clients send it as
Authorization: Bearer TOKEN, the page asks for it. What strangers send is limited (--limits.*). SIGTERM and Ctrl-C finish the
requests that are in work, then stop. docs/serving.md says more.

  vitruvian serve
  vitruvian serve --models pifu best=models:/geopifu@champion --port 8080
  curl -F picture=@photo.jpg http://127.0.0.1:8000/v1/reconstruct -o person.glb
  vitruvian serve --models models:/pifu@champion --write-config serve.yaml    for a cluster: serve deploy serve.yaml"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What to host, where, and what to allow."""

    models: tuple[str, ...] = ()
    """What to host: references, or NAME=REFERENCE. The first is the default of requests."""
    tracking_uri: str | None = None
    """The MLflow store with the registry. Default: MLFLOW_TRACKING_URI, runs/mlflow.db or mlflow.db here."""
    host: str = "127.0.0.1"
    """The address to listen on. Others than this machine's loopback need an API token."""
    port: int = 8000
    """0: any that is free."""
    token_file: Path | None = None
    """A file with the API token. Default: the environment's VITRUVIAN_SERVE_TOKEN; without it any program here may ask."""
    hosts: tuple[str, ...] = ()
    """Names under which clients reach the server, such as people.example.org; `*`: any. Default: with a token any, else this
    machine's own."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses of reverse proxies whose X-Forwarded-For is believed when clients are told apart."""
    certificate: Path | None = None
    """TLS: a PEM file with the certificate chain."""
    key: Path | None = None
    """TLS: a PEM file with its key."""
    batch_size: int = 8
    """Pictures that a replica takes at a time; 1: one after the other."""
    batch_wait_s: float = 0.01
    """How long a batch that is not full waits for more."""
    cores_per_replica: int | None = None
    """Pictures that a replica computes at the same moment, one a core. Default: this machine's cores, at most 4."""
    min_replicas: int = 1
    """Processes that compute."""
    max_replicas: int | None = None
    """More are started while requests pile up, and stopped when idle. Default: as many as this machine has cores for."""
    models_per_replica: int = 4
    """Models that a replica keeps in memory; of more, those that were not used for longest are loaded again when asked for."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where the networks run; cuda takes one GPU a replica."""
    watch_s: float = 30.0
    """How often it is looked whether an alias or a folder holds other weights now; 0: never."""
    drain_s: float = 60.0
    """How long requests that are in work may still take when the server stops."""
    log_dir: Path | None = None
    """Where the logs go. Default: to those of Ray, whose folder is printed."""
    limits: Limits = field(default_factory=Limits)
    """What a stranger may ask for."""
    write_config: Path | None = None
    """Write a file for `serve deploy` with these options, and start nothing."""


def main(arguments: list[str], program: str) -> int:
    """Serve until a signal; 0 when all requests were finished."""
    options = parse(Options, arguments, program, DESCRIPTION)
    check_installed()
    settings = settings_of(options)

    from vitruvian.serve.server import Address, Running, check_address, running, wait_for_signals

    address = Address(host=options.host, port=options.port, certificate=options.certificate, key=options.key)
    if options.write_config is not None:
        from vitruvian.serve.config_file import write_config

        write_config(options.write_config, settings, address)
        print(f"{options.write_config}: deploy it on a Ray cluster with: serve deploy {options.write_config}")
        return 0
    check_address(address, settings)  # told before anything is started
    check_models(settings)
    print("Starting Ray and loading the models ...", flush=True)
    with running(settings, address, logs=options.log_dir) as server:
        server_told: Running = server
        print(told(server_told), flush=True)
        wait_for_signals(server, on_change=lambda text: print(text, flush=True))
        print("Stopping: requests in work are finished first ...", flush=True)
    print("Stopped.", flush=True)
    return 0


def check_installed() -> None:
    """Raises ``InputError`` that says what to install."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(f"vitruvian serve needs {', '.join(missing)}, not installed here: pip install -e '.[serve]'")


def settings_of(options: Options) -> Settings:
    """The server's settings; ``InputError`` for values that do not fit."""
    from vitruvian.cli.checks import usable_cores

    cores = usable_cores()
    each = min(cores, 4) if options.cores_per_replica is None else options.cores_per_replica
    most = max(options.min_replicas, cores // max(1, each)) if options.max_replicas is None else options.max_replicas
    token_file = options.token_file
    return Settings(
        models=options.models,
        store=options.tracking_uri,
        batch_size=options.batch_size,
        batch_wait_s=options.batch_wait_s,
        cores_per_replica=each,
        min_replicas=options.min_replicas,
        max_replicas=most,
        models_per_replica=options.models_per_replica,
        device=options.device,
        watch_s=options.watch_s,
        drain_s=options.drain_s,
        token_file=None if token_file is None else str(token_file.expanduser().absolute()),
        hosts=options.hosts,
        trusted_proxies=options.trusted_proxies,
        limits=options.limits,
    )


def check_models(settings: Settings) -> None:
    """Raises ``InputError`` for models that cannot be found, before Ray is started."""
    from vitruvian.serve.catalogue import describe, find_sources, pin

    for source in find_sources(settings.models, settings.store):
        try:
            describe(pin(source))
        except InputError as error:
            raise InputError(f"--models {source.reference}: {error}") from error


def told(server: object) -> str:
    """What is printed when the server takes requests."""
    from vitruvian.serve.server import Running

    assert isinstance(server, Running)
    url = server.address.url
    token = ' -H "Authorization: Bearer $TOKEN"' if server.settings.token() is not None else ""
    width = max(len(model["name"]) for model in server.models)
    lines = [f"Serving at {url}", ""]
    for model in server.models:
        lines.append(f"  {model['name']:<{width}}  {model['title']}, {model['kind']}, version {model['version']}")
    lines += ["", "Try it:"]
    if any(model["kind"] == "surface" for model in server.models):
        lines.append(f"  curl{token} -F picture=@photo.jpg {url}/v1/reconstruct -o person.glb")
    if any(model["kind"] == "body" for model in server.models):
        lines.append(f"  curl{token} -F picture=@photo.jpg {url}/v1/pose")
    lines.append(f"  the page: {url}/   the API: {url}/docs   counts: {url}/metrics")
    if server.logs is not None:
        lines.append(f"  logs: {server.logs}")
    lines.append(f"Stop it with Ctrl-C or: kill {os.getpid()}")
    return "\n".join(lines)
