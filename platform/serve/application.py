"""The Ray Serve application, built from plain values; config files name it ``vitruvian.serve.application:build``."""

from __future__ import annotations

from typing import Any

from ray import serve
from ray.serve import Application

from vitruvian.serve.ingress import FrontDeployment
from vitruvian.serve.replica import Models
from vitruvian.serve.settings import Settings, settings_from

NAME = "vitruvian"
MODELS, FRONT = "Models", "Front"


def build(arguments: dict[str, Any]) -> Application:
    """The application of these settings (names and values of ``Settings``). Raises ``InputError``."""
    settings = settings_from(arguments)
    plain = settings.to_dict()
    models = serve.deployment(name=MODELS)(Models).options(**models_options(settings)).bind(plain)
    return FrontDeployment.options(**front_options(settings)).bind(plain, models)


def models_options(settings: Settings) -> dict[str, Any]:
    """How the replicas that compute are run."""
    scaling: dict[str, Any] = {"num_replicas": settings.min_replicas}
    if settings.max_replicas > settings.min_replicas:
        scaling = {
            "autoscaling_config": {
                "min_replicas": settings.min_replicas,
                "max_replicas": settings.max_replicas,
                "target_ongoing_requests": settings.batch_size,
                "upscale_delay_s": 5.0,
                "downscale_delay_s": 120.0,
            }
        }
    return {
        **scaling,
        "max_ongoing_requests": 2 * settings.batch_size,  # one batch in work, the next one gathers
        "ray_actor_options": {
            "num_cpus": settings.cores_per_replica,
            "num_gpus": 0 if settings.device == "cpu" else 1,
            "runtime_env": {"env_vars": {"OMP_NUM_THREADS": "1"}},
        },
        "graceful_shutdown_timeout_s": settings.drain_s,
        "graceful_shutdown_wait_loop_s": 0.5,
        "health_check_period_s": 10,
        "health_check_timeout_s": 60,
    }


def front_options(settings: Settings) -> dict[str, Any]:
    """How the one replica that speaks HTTP is run: it must be one, because it keeps the results and counts the clients."""
    return {
        "num_replicas": 1,
        "max_ongoing_requests": 4 * (settings.limits.queue + settings.batch_size * settings.max_replicas) + 200,
        "ray_actor_options": {"num_cpus": 0},
        "graceful_shutdown_timeout_s": settings.drain_s,
        "graceful_shutdown_wait_loop_s": 0.5,
        "user_config": {"models": list(settings.models)},
        "health_check_period_s": 10,
        "health_check_timeout_s": 60,
    }
