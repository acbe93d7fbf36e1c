"""The HTTP API: a FastAPI application around a ``Service``."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vitruvian import __version__
from vitruvian.methods.fields.options import MIN_RESOLUTION
from vitruvian.serve import answers
from vitruvian.serve.catalogue import Model
from vitruvian.serve.clients import client_of
from vitruvian.serve.documentation import documentation_page
from vitruvian.serve.guard import ANSWER_POLICY, DOCUMENT_POLICY, SECURITY_HEADERS, check_host, check_origin, check_token
from vitruvian.serve.intake import check_header
from vitruvian.serve.jobs import Event, Job
from vitruvian.serve.mesh_bytes import MEDIA_TYPES
from vitruvian.serve.metrics import CONTENT_TYPE
from vitruvian.serve.multipart import Form, read_form, too_large
from vitruvian.serve.page.answers import page_answer
from vitruvian.serve.problems import Problem
from vitruvian.serve.service import LOG, Service
from vitruvian.serve.settings import FORMATS

EVENTS = "text/event-stream"
REQUEST_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
FIELDS = {"picture", "mask", "method", "format", "resolution"}
DESCRIPTION = """Photographs of people to meshes, and to bodies in SMPL's format.

    curl -F picture=@photo.jpg http://127.0.0.1:8000/v1/reconstruct -o person.glb

With `Accept: text/event-stream` a request answers with server-sent events while it is in work: `queued`, `found`, `progress`,
then `done` or `error`, each with a JSON object. Every answer has `X-Request-Id`; one that the client sends is kept if it is of
letters, digits, `-` and `_`, at most 64."""


def build_api(service: Service) -> FastAPI:
    """The application. Its answers carry no CORS headers: other sites' pages are not meant to read them."""
    app = FastAPI(
        title="Vitruvian",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_tags=[{"name": "reconstruct"}, {"name": "server"}],
    )
    _add_errors(app)
    _add_work(app, service)
    _add_server(app, service)
    _add_page(app)
    app.add_middleware(Frame, service=service)
    return app


class Frame:
    """Around every request: its id, host, seconds, counts, log line, and what browsers are told."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self.app, self.service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            else:
                await self.app(scope, receive, send)
            return
        request = Request(scope)
        given = request.headers.get("x-request-id", "")
        request_id = given if REQUEST_ID.fullmatch(given) else self.service.new_request_id()
        scope.setdefault("state", {})["request_id"] = request_id
        began, status = time.perf_counter(), 0

        async def framed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _frame_headers(message, request_id)
            await send(message)

        try:
            check_host(request.headers, self.service.hosts)
            await self.app(scope, receive, framed)
        except Problem as known:
            scope["state"]["problem"] = known.code
            await _problem_answer(known, request_id)(scope, receive, framed)
        except Exception:
            LOG.exception("request %s failed", request_id)
            if status:  # too late for an answer
                raise
            problem = Problem("internal", "The request failed here.", "The server's log says why.")
            scope["state"]["problem"] = problem.code
            await _problem_answer(problem, request_id)(scope, receive, framed)
        finally:
            endpoint, model = _endpoint(scope["path"]), scope["state"].get("model", "")
            seconds = time.perf_counter() - began
            metrics = self.service.metrics
            metrics.requests.labels(endpoint, model, str(status)).inc()
            metrics.seconds.labels(endpoint, model).observe(seconds)
            code = scope["state"].get("problem", "")
            if code:
                metrics.errors.labels(endpoint, code).inc()
            if endpoint in ("reconstruct", "pose"):
                LOG.info("request %s %s %s %s %.3f s %s", request_id, endpoint, model or "-", status, seconds, code or "ok")


def _frame_headers(message: Message, request_id: str) -> None:
    headers = [(name, value) for name, value in message["headers"] if name.lower() != b"x-request-id"]
    present = {name.lower() for name, _ in headers}
    kind = dict(headers).get(b"content-type", b"")
    added = {**SECURITY_HEADERS, "X-Request-Id": request_id}
    added["Content-Security-Policy"] = DOCUMENT_POLICY if kind.startswith(b"text/html") else ANSWER_POLICY
    if kind.startswith((b"application/json", b"text/plain", b"model/", b"text/event-stream", b"application/octet-stream")):
        added["Cache-Control"] = "no-store"
    headers += [
        (name.lower().encode(), value.encode()) for name, value in added.items() if name.lower().encode() not in present
    ]
    message["headers"] = headers


def _endpoint(path: str) -> str:
    """Our own word for what was asked; a stranger's paths are no labels."""
    for prefix, name in (("/v1/reconstruct", "reconstruct"), ("/v1/pose", "pose"), ("/v1/results/", "results")):
        if path.startswith(prefix):
            return name
    return {"/v1/models": "models", "/healthz": "healthz", "/metrics": "metrics"}.get(path, "page")


def _problem_answer(problem: Problem, request_id: str) -> Response:
    return JSONResponse(problem.body(request_id), status_code=problem.status, headers=problem.headers())


def _add_errors(app: FastAPI) -> None:
    async def answer(request: Request, problem: Problem) -> Response:
        request.state.problem = problem.code
        return _problem_answer(problem, request.state.request_id)

    async def http(request: Request, error: HTTPException) -> Response:
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "bad_request")
        text = {
            "not_found": "There is nothing under this address.",
            "method_not_allowed": "This address takes no such request.",
        }
        return await answer(request, Problem(code, text.get(code, "The request cannot be understood."), "See /docs."))

    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return await answer(request, Problem("bad_request", "The request cannot be understood.", "See /docs."))

    app.add_exception_handler(Problem, answer)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, http)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, invalid)  # type: ignore[arg-type]


def _add_server(app: FastAPI, service: Service) -> None:
    responses = answers.problem_responses

    @app.get("/v1/models", tags=["server"], responses=responses(401, 421), summary="The models and the limits")
    async def models(request: Request) -> answers.ModelsAnswer:
        check_token(request.headers, service.token)
        limits = service.limits
        return answers.ModelsAnswer(
            models=[answers.ModelAnswer(**model.to_dict()) for model in service.models.values()],
            limits=answers.LimitsAnswer(
                upload_bytes=limits.upload_bytes,
                pixels=limits.pixels,
                resolution=limits.resolution,
                picture_types=["image/jpeg", "image/png", "image/webp"],
                seconds=limits.seconds,
                requests_per_minute=limits.requests_per_minute,
                result_seconds=limits.result_minutes * 60,
                token_required=service.token is not None,
            ),
        )

    @app.get(
        "/healthz",
        tags=["server"],
        summary="Whether requests are taken",
        responses={503: {"model": answers.HealthAnswer, "description": "Not now."}},
    )
    async def healthz() -> Response:
        answer = answers.HealthAnswer(status="starting", models=list(service.models), version=__version__)
        if service.draining:
            answer.status = "draining"
        elif service.models:
            answer.status = "ok"
        return JSONResponse(answer.model_dump(), status_code=200 if answer.status == "ok" else 503)

    @app.get("/metrics", tags=["server"], summary="Counts and seconds, for Prometheus", responses=responses(401, 421))
    async def metrics(request: Request) -> Response:
        check_token(request.headers, service.token)
        return Response(service.metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(documentation_page(app.openapi()))

    @app.get(
        "/v1/results/{identity}/person.{format}",
        tags=["reconstruct"],
        summary="Fetch a result again, in any format, for some minutes",
        response_class=Response,
        responses={200: {"content": {"model/gltf-binary": {}}, "description": "The file."}, **responses(404)},
    )
    async def result(identity: str, format: str) -> Response:
        found = service.results.get(identity) if len(identity) < 64 else None
        if found is None or format not in FORMATS:
            raise Problem("not_found", "There is no such result (any more).", "Results are kept for some minutes only.")
        content = await asyncio.to_thread(found.content, format)
        return _file(content, format, {})


def _add_work(app: FastAPI, service: Service) -> None:
    responses = answers.problem_responses(400, 401, 403, 408, 413, 415, 421, 422, 429, 500, 503, 504)
    example = 'event: done\ndata: {"result": "/v1/results/ID/person.glb", "vertices": 18211, ...}\n\n'
    files = {MEDIA_TYPES["glb"]: {}, EVENTS: {"example": example}}

    @app.post(
        "/v1/reconstruct",
        tags=["reconstruct"],
        summary="A photograph to a mesh",
        response_class=Response,
        responses={200: {"content": files, "description": "The mesh, or events while it is made."}, **responses},
        openapi_extra=answers.form_description(resolution=True),
    )
    async def reconstruct(request: Request) -> Response:
        return await _work(service, request, "surface")

    @app.post(
        "/v1/pose",
        tags=["reconstruct"],
        summary="A photograph to a body: SMPL parameters, joints, mesh",
        response_model=answers.PoseAnswer,
        responses=responses,
        openapi_extra=answers.form_description(resolution=False),
    )
    async def pose(request: Request) -> Response:
        return await _work(service, request, "body")


def _add_page(app: FastAPI) -> None:
    @app.get("/{path:path}", include_in_schema=False)
    async def page(request: Request) -> Response:
        headers = request.headers
        found = page_answer(
            request.url.path,
            accept_encoding=headers.get("accept-encoding", ""),
            if_none_match=headers.get("if-none-match", ""),
        )
        if request.url.path in ("/v1/reconstruct", "/v1/pose"):
            raise Problem("method_not_allowed", "It takes POST only.", "curl -F picture=@photo.jpg URL")
        if found is None:
            raise Problem("not_found", "There is nothing under this address.", "See /docs.")
        return Response(found.body, status_code=found.status, headers=dict(found.headers))


async def _work(service: Service, request: Request, kind: str) -> Response:
    check_origin(request.headers)
    client = client_of(
        request.client.host if request.client else None,
        request.headers.get("x-forwarded-for"),
        service.settings.trusted_proxies,
    )
    wait = service.buckets.take(client)  # before the token is looked at: guesses are counted too
    if wait > 0:
        raise Problem("rate_limited", "You ask too often.", "Wait before the next request.", retry_after_s=wait)
    check_token(request.headers, service.token)
    before = service.admit()
    try:
        form = await _form(service, request)
        job, model = _job(service, request, form, kind)
        service.metrics.uploads.inc(len(job.picture) + len(job.mask or b""))
    except BaseException:
        service.leave()
        raise
    events = _left(service, service.run(job, model))
    if job.shows:
        return StreamingResponse(_told(service, request, job, events, before), media_type=EVENTS, headers=EVENT_HEADERS)
    async for what, facts in events:
        if what == "error":
            raise facts["problem"]
        if what == "done":
            if kind == "body":
                return JSONResponse(_pose(service, request, job, facts))
            return _file(facts["content"], job.format, {"X-Timings": _timings(facts), "X-Method": model.name})
    raise ConnectionError("a request has no end")


EVENT_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


async def _left(service: Service, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
    """The place is free again when the events have ended, however."""
    try:
        async for event in events:
            yield event
    finally:
        await events.aclose()
        service.leave()


async def _form(service: Service, request: Request) -> Form:
    limit = service.limits.upload_bytes
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > limit:
        raise too_large(limit)
    try:
        async with asyncio.timeout(service.limits.upload_seconds):
            return await read_form(request.headers.get("content-type"), _body(request), max_bytes=limit)
    except TimeoutError:
        raise Problem("upload_too_slow", "The request took too long to arrive.", "Send a smaller picture.") from None


async def _body(request: Request) -> AsyncIterator[bytes]:
    async for chunk in request.stream():
        yield chunk


def _job(service: Service, request: Request, form: Form, kind: str) -> tuple[Job, Model]:
    """Everything about a request that can be checked without decoding."""
    names = set(form.files) | set(form.fields)
    allowed = FIELDS - {"resolution"} if kind == "body" else FIELDS
    if names - allowed:
        known = ", ".join(sorted(allowed))
        raise Problem("bad_request", "The form has a field that is not known here.", f"Known are: {known}.")
    for name in ("picture", "mask"):
        if name in form.fields:
            raise Problem("bad_request", f"The field '{name}' is a text.", f"Send a file: curl -F {name}=@photo.jpg URL")
    for name in ("method", "format", "resolution"):
        if name in form.files:
            raise Problem("bad_request", f"The field '{name}' is a file.", f"Send a text: curl -F {name}=VALUE URL")
    if "picture" not in form.files:
        raise Problem("bad_request", "The form has no picture.", "Send one: curl -F picture=@photo.jpg URL")
    model = service.model(form.fields.get("method"), kind)
    request.state.model = model.name
    format = form.fields.get("format", "glb").lower()
    if format not in model.formats:
        raise Problem("bad_request", "There is no such format.", f"Choose one of: {', '.join(model.formats)}.")
    for what in ("picture", "mask"):
        if what in form.files:
            check_header(form.files[what], what=what, max_pixels=service.limits.pixels)
    shows = EVENTS in request.headers.get("accept", "")
    return Job(
        request_id=request.state.request_id,
        picture=form.files["picture"],
        mask=form.files.get("mask"),
        deadline=time.time() + service.limits.seconds,
        max_pixels=service.limits.pixels,
        resolution=_resolution(form.fields.get("resolution"), service.limits.resolution),
        task="pose" if kind == "body" else "reconstruct",
        format="glb" if shows or kind == "body" else format,
        shows=shows,
    ), model


def _resolution(text: str | None, largest: int) -> int | None:
    if text is None or text == "":
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 6 and MIN_RESOLUTION <= int(text) <= largest):
        raise Problem("bad_request", "The resolution is not a number that is allowed.", f"Take {MIN_RESOLUTION} to {largest}.")
    return int(text)


async def _told(
    service: Service, request: Request, job: Job, events: AsyncGenerator[Event, None], before: int
) -> AsyncIterator[bytes]:
    """The events of a job as a browser reads them."""
    yield _event("queued", {"ahead": before, "request_id": job.request_id})
    try:
        async for what, facts in events:
            if what == "error":
                problem = facts["problem"]
                request.state.problem = problem.code
                yield _event("error", problem.body(job.request_id) | _retry(problem))
            elif what == "done":
                told = _pose(service, request, job, facts) if job.task == "pose" else _surface(service, job, facts)
                yield _event("done", told)
            else:
                yield _event(what, facts)
    finally:
        await events.aclose()


def _retry(problem: Problem) -> dict[str, Any]:
    return {} if problem.retry_after_s is None else {"retry_after_s": problem.retry_after_s}


def _surface(service: Service, job: Job, facts: dict[str, Any]) -> dict[str, Any]:
    downloads = _downloads(service.keep(facts))
    kept = ("vertices", "faces", "timings_s", "method", "origin")
    return {
        "result": downloads["glb"],
        "downloads": downloads,
        **{name: facts[name] for name in kept},
        "request_id": job.request_id,
    }


def _pose(service: Service, request: Request, job: Job, facts: dict[str, Any]) -> dict[str, Any]:
    downloads = _downloads(service.keep(facts))
    kept = ("smpl", "joints", "vertices", "faces", "timings_s", "method")
    told = {
        "mesh": downloads["glb"],
        "result": downloads["glb"],
        "downloads": downloads,
        **{name: facts[name] for name in kept},
    }
    return told | {"request_id": job.request_id}


def _downloads(identity: str) -> dict[str, str]:
    return {format: f"/v1/results/{identity}/person.{format}" for format in FORMATS}


def _event(kind: str, facts: dict[str, Any]) -> bytes:
    return f"event: {kind}\ndata: {json.dumps(facts, separators=(',', ':'))}\n\n".encode()


def _file(content: bytes, format: str, headers: dict[str, str]) -> Response:
    disposition = {"Content-Disposition": f'attachment; filename="person.{format}"'}
    return Response(content, media_type=MEDIA_TYPES[format], headers=disposition | headers)


def _timings(facts: dict[str, Any]) -> str:
    """As Server-Timing has it, in milliseconds."""
    return ", ".join(f"{step};dur={1000 * seconds:.1f}" for step, seconds in facts["timings_s"].items())
