"""The Ray Serve deployment that speaks HTTP: one replica, which hands pictures to the ``Models`` and keeps results."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from typing import Any

from fastapi import FastAPI
from ray import serve
from ray.serve.handle import DeploymentHandle

from vitruvian.serve.api import build_api
from vitruvian.serve.catalogue import Pinned
from vitruvian.serve.jobs import Event, Job
from vitruvian.serve.ray_ports import listen_on_loopback
from vitruvian.serve.service import Service
from vitruvian.serve.settings import settings_from

LOG = logging.getLogger("ray.serve")


class RayBackend:
    """Jobs to replicas of ``Models``, rather to one that has the model in memory."""

    def __init__(self, models: DeploymentHandle) -> None:
        self.streaming, self.models = models.options(stream=True), models

    async def stream(self, job: Job, pinned: Pinned) -> AsyncGenerator[Event, None]:
        response: Any = self.streaming.options(multiplexed_model_id=pinned.model_id).stream.remote(job, pinned)
        ended = False
        try:
            async for event in response:
                ended = event[0] in ("done", "error")
                yield event
        finally:
            if not ended:
                response.cancel()

    async def warm(self, pinned: Pinned) -> None:
        await self.models.options(multiplexed_model_id=pinned.model_id).warm.remote(pinned)


class Front:
    """Bound with plain values, so that a config file can deploy it; ``user_config`` changes the models without a restart."""

    async def __init__(self, settings: dict[str, Any], models: DeploymentHandle) -> None:  # type: ignore[misc]
        listen_on_loopback()
        self.service = Service(settings_from(settings), RayBackend(models))
        await self.service.host(self.service.settings.models)
        self._watch = asyncio.create_task(self._watching())

    def __serve_build_asgi_app__(self) -> FastAPI:
        return build_api(self.service)

    async def reconfigure(self, config: dict[str, Any]) -> None:
        """``{"models": [...]}``: host these from now on."""
        unknown = set(config) - {"models"}
        if unknown:
            raise ValueError(f"user_config: {sorted(unknown)[0]!r} is not known; there is models.")
        changed = await self.service.host(tuple(config.get("models", ())))
        LOG.info("models: %s; changed: %s", ", ".join(self.service.models), ", ".join(changed) or "none")

    async def refresh(self) -> list[str]:
        """Look what the models' names mean now; the names that changed."""
        return await self.service.refresh()

    async def drain(self) -> int:
        """Take no more requests from now on; returns how many are still in work."""
        self.service.draining = True
        return self.service.inside

    async def hosted(self) -> list[dict[str, Any]]:
        """The models, as /v1/models has them."""
        return [model.to_dict() for model in self.service.models.values()]

    async def _watching(self) -> None:
        every = self.service.settings.watch_s
        while every > 0:
            await asyncio.sleep(every)
            try:
                await self.service.refresh()
            except Exception:
                LOG.exception("looking for changed models failed; it will be tried again")


FrontDeployment = serve.deployment(name="Front")(serve.ingress()(Front))
