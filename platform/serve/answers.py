"""The shapes of what the API answers, for its OpenAPI description."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

PROBLEM_EXAMPLE: dict[str, Any] = {
    "error": {
        "code": "nobody_found",
        "message": "No person was found in the picture.",
        "hint": "Send a picture of one whole person, upright, or a mask.",
    },
    "request_id": "4f1c2a9be07d3356",
}


class ProblemDetails(BaseModel):
    """What is wrong with a request."""

    code: str = Field(description="For programs; one of a fixed list.")
    message: str = Field(description="For people.")
    hint: str = Field(description="What to do about it.")


class ProblemAnswer(BaseModel):
    """Every error of the API."""

    model_config = ConfigDict(json_schema_extra={"example": PROBLEM_EXAMPLE})

    error: ProblemDetails
    request_id: str = Field(description="Also in the header X-Request-Id and in every line of the server's log about it.")


class ModelAnswer(BaseModel):
    """A model that can be asked."""

    name: str = Field(description="To be given as `method`.", examples=["pifu"])
    method: str = Field(description="The published system.", examples=["pifu"])
    kind: Literal["surface", "body"] = Field(description="`surface`: /v1/reconstruct; `body`: /v1/pose.")
    title: str = Field(examples=["PIFu tiny"])
    trained_on: str
    version: str = Field(description="Of the weights: changes when they change.")
    formats: list[str]


class LimitsAnswer(BaseModel):
    """What may be asked for."""

    upload_bytes: int
    pixels: int
    resolution: int
    picture_types: list[str]
    seconds: float
    requests_per_minute: float
    result_seconds: float
    token_required: bool


class ModelsAnswer(BaseModel):
    """All models, the default first, and the limits."""

    models: list[ModelAnswer]
    limits: LimitsAnswer


class HealthAnswer(BaseModel):
    """Whether requests are taken."""

    status: Literal["ok", "draining", "starting"]
    models: list[str]
    version: str


class PoseAnswer(BaseModel):
    """A body: parameters in SMPL's format, joints, and where its mesh can be fetched."""

    smpl: dict[str, Any] = Field(
        description="betas (10), global_orient (3, 3), body_pose (23, 3, 3), translation_m, weak_camera, crop_px, camera."
    )
    joints: dict[str, Any] = Field(description="names, metres (J, 3), pixels (J, 2) of the upright picture of `picture_size`.")
    mesh: str = Field(description="Where the mesh can be fetched for some minutes.", examples=["/v1/results/ID/person.glb"])
    downloads: dict[str, str]
    vertices: int
    faces: int
    timings_s: dict[str, float]
    method: str
    request_id: str


def form_description(*, resolution: bool) -> dict[str, Any]:
    """The multipart form of a request, for OpenAPI."""
    properties: dict[str, Any] = {
        "picture": {"type": "string", "format": "binary", "description": "JPEG, PNG or WebP of one whole person."},
        "mask": {
            "type": "string",
            "format": "binary",
            "description": "A grey picture of the same size, white on the person. Without it the person is found.",
        },
        "method": {"type": "string", "description": "A model's name as in /v1/models. Default: the first of its kind."},
        "format": {"type": "string", "enum": ["glb", "ply", "obj"], "default": "glb"},
    }
    if resolution:
        properties["resolution"] = {
            "type": "integer",
            "minimum": 16,
            "description": "Points of the grid along the person's height. Default: as the weights' recipe says.",
        }
    schema = {"type": "object", "required": ["picture"], "properties": properties}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


def problem_responses(*codes: int) -> dict[int | str, dict[str, Any]]:
    """The errors of an endpoint, for OpenAPI."""
    texts = {
        400: "A broken form, an unknown field or value.",
        401: "The API token is missing or wrong.",
        403: "A page of another site sent it.",
        404: "There is nothing (any more) under this address.",
        408: "The request arrived too slowly.",
        413: "Too many bytes.",
        415: "Not a multipart form.",
        421: "The server is not known by this name.",
        422: "The picture cannot be used, or nobody was found in it.",
        429: "Too many requests, of this client or of all; Retry-After says when to come again.",
        500: "A fault of the server; its log has the request's id.",
        503: "The server is stopping or starting.",
        504: "It took too long.",
    }
    return {code: {"model": ProblemAnswer, "description": texts[code]} for code in codes}
