"""A file for ``serve deploy``: the application on a Ray cluster, with settings that suit it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from vitruvian.errors import InputError
from vitruvian.serve.application import FRONT, MODELS, NAME, front_options, models_options
from vitruvian.serve.guard import is_loopback
from vitruvian.serve.server import PROXY_CALLBACK, RIM_CALLBACK, Address
from vitruvian.serve.settings import TOKEN_VARIABLE, Settings

HEADER = f"""# Vitruvian on a Ray cluster: serve deploy FILE (docs/serving.md)
#
# Start Ray with {PROXY_CALLBACK}={RIM_CALLBACK}
# in the environment of every node, so that uploads are limited where they arrive; and with RAY_AUTH_MODE=token.
# The nodes need Vitruvian installed, and the MLflow store and weights folders within reach.
# Other models without a restart: change user_config of {FRONT}, and deploy again.
"""


def config_of(settings: Settings, address: Address) -> dict[str, Any]:
    """What ``serve deploy`` takes. Raises ``InputError`` for a public address without a token file."""
    if not is_loopback(address.host) and settings.token_file is None:
        raise InputError(
            f"--host {address.host}: other machines could use this server, so it needs an API token. Give --token-file with a "
            f"path that is there on the cluster's nodes ({TOKEN_VARIABLE} is not written into files)."
        )
    deployments = [
        {"name": MODELS, **models_options(settings)},
        {"name": FRONT, **front_options(settings)},
    ]
    return {
        "proxy_location": "HeadOnly",
        "http_options": {"host": address.host, "port": address.port or 8000, "keep_alive_timeout_s": 30},
        "logging_config": {"encoding": "JSON", "enable_access_log": False},
        "applications": [
            {
                "name": NAME,
                "route_prefix": "/",
                "import_path": "vitruvian.serve.application:build",
                "args": settings.to_dict(),
                "deployments": deployments,
            }
        ],
    }


def write_config(path: Path, settings: Settings, address: Address) -> None:
    """Write the file; it appears whole or not at all."""
    text = HEADER + yaml.safe_dump(config_of(settings, address), sort_keys=False, width=120)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
