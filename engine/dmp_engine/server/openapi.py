"""The API's OpenAPI description; the tests fuzz the server against it.

The settings' schema is made from Settings' own metadata, so a new setting
appears here by itself.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from dmp_matting.job import PROOF, PROTOCOL, JobState, Layers, Progress, Role
from dmp_matting.settings import Settings

from .requests import FRAMES_LIMIT, TEXT_LIMIT

_KINDS = {bool: "boolean", int: "integer", float: "number", str: "string"}
_JOB_ID = {
    "name": "id", "in": "path", "required": True,
    "schema": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
}  # fmt: skip


def description() -> dict[str, Any]:
    """The whole description, OpenAPI 3.1."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "DMP engine",
            "version": str(PROTOCOL),
            "description": "Plates in, layers back, over a socket of this machine.",
        },
        "security": [{"token": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": _schemas(),
        },
    }


def _paths() -> dict[str, Any]:
    job, summary = [_JOB_ID], _json("The job", "Summary")
    return {
        "/v1": {"get": _does("greeting", {"200": _json("Who answers", "Greeting")})},
        PROOF: {
            "parameters": [
                {"name": "number", "in": "query", "required": True,
                 "schema": {"type": "string", "pattern": "^[0-9a-f]{64}$"}}
            ],
            "get": {
                **_does("prove", {"200": _json("The HMAC of the number under the token")}, 400),
                "security": [],
            },
        },
        "/v1/openapi.json": {"get": _does("description", {"200": _json("This description")})},
        "/v1/status": {"get": _does("status", {"200": _json("Devices, jobs, cache")})},
        "/v1/attend": {"get": _does("attend", {"200": _lines("Open as long as host and engine")})},
        "/v1/page": {"post": _does("page", {"201": _json("Address of the status page")})},
        "/v1/shutdown": {
            "post": _does(
                "shutdown", {"202": {"description": "Stops"}}, 400, 409, 413,
                body={"type": "object", "properties": {"force": {"type": "boolean"}},
                      "additionalProperties": False},
            ),
        },
        "/v1/cache": {
            "get": _does("cacheUsage", {"200": _json("What the cache holds")}),
            "delete": _does("clearCache", {"200": _json("Entries removed")}),
        },
        "/v1/jobs": {
            "get": _does("listJobs", {"200": _json("All jobs, newest first")}),
            "post": _does(
                "createJob", {"201": summary}, 400, 413, 422, 507,
                body={"$ref": "#/components/schemas/NewJob"},
            ),
        },
        "/v1/jobs/{id}": {
            "parameters": job,
            "get": _does("job", {"200": summary}, 404),
            "delete": _does("forgetJob", {"204": {"description": "Removed"}}, 404, 409),
        },
        "/v1/jobs/{id}/plates/{index}": {
            "parameters": [*job, _number("index", 0)],
            "put": {
                **_does("sendPlate", {"204": {"description": "Stored"}}, 400, 404, 409, 413, 507),
                "requestBody": {
                    "required": True,
                    "content": {"application/octet-stream": {"schema": {"type": "string"}}},
                },
            },
        },
        "/v1/jobs/{id}/start": {
            "parameters": job, "post": _does("startJob", {"200": summary}, 404, 409, 507),
        },
        "/v1/jobs/{id}/cancel": {
            "parameters": job, "post": _does("cancelJob", {"200": summary}, 404),
        },
        "/v1/jobs/{id}/events": {
            "parameters": job,
            "get": _does("events", {"200": _lines("Until the job has ended")}, 404),
        },
        "/v1/jobs/{id}/frames/{number}/layers": {
            "parameters": [*job, _number("number", -(2**31))],
            "get": _does("layers", {"200": _file("A finished frame", "image/x-exr")}, 404),
        },
        "/v1/jobs/{id}/preview": {
            "parameters": job,
            "get": _does("preview", {"200": _file("The running frame", "image/png")}, 404),
        },
    }  # fmt: skip


def _schemas() -> dict[str, Any]:
    text = {"type": "string", "maxLength": TEXT_LIMIT, "pattern": "^[^\\u0000]*$"}
    plate = _closed(
        {"path": {**text, "minLength": 1}, "colour_space": text, "layer": text, "state": text,
         "keeps_space": {"type": "boolean"},
         "role": {"enum": [role.value for role in Role]}},
        "path", "role",
    )  # fmt: skip
    frame = _closed(
        {
            "number": {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
            "plates": {"type": "array", "items": plate, "maxItems": len(Role)},
        },
        "number", "plates",
    )  # fmt: skip
    frames = {"type": "array", "items": frame, "minItems": 1, "maxItems": FRAMES_LIMIT}
    context = {"type": "array", "items": frame, "maxItems": FRAMES_LIMIT}
    settings = {"$ref": "#/components/schemas/Settings"}
    job = _closed(
        {
            "frames": frames,
            "settings": settings,
            "settings_on_cpu": {"anyOf": [settings, {"type": "null"}]},
            "context": context,
        },
        "frames",
        "settings",
    )
    return {
        "Greeting": {
            "type": "object",
            "properties": {
                "engine": {"const": "dmp"},
                "protocol": {"type": "integer"},
                "version": {"type": "string"},
                "installed": {"type": "string"},
                "python": {"type": "string"},
                "folder": {"type": "string"},
                "pid": {"type": "integer"},
                "settings": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["engine", "protocol", "version", "pid", "settings"],
        },
        "Settings": _closed({spec.name: _setting(spec) for spec in fields(Settings)}),
        "NewJob": _closed(
            {
                "job": job,
                "attended": {"type": "boolean", "default": True},
                "ocio": text,
            },
            "job",
        ),
        "Summary": {
            "type": "object",
            "properties": {
                "id": {"type": "string"},
                "state": {"enum": [state.value for state in JobState]},
                "position": {"type": ["integer", "null"]},
                "frames": {"type": "array", "items": {"type": "integer"}},
                "finished": {"type": "array", "items": {"type": "integer"}},
                "plates": {"type": "array", "items": {"type": "object"}},
            },
            "required": ["id", "state", "frames", "finished", "plates"],
        },
        "Event": {
            "type": "object",
            "description": "One line of a stream; `event` is state, progress, layers or alive. "
            f"progress has {', '.join(spec.name for spec in fields(Progress))}; "
            f"layers has {', '.join(spec.name for spec in fields(Layers))}.",
            "required": ["event"],
        },
        "Error": {
            "type": "object",
            "properties": {"error": {"type": "string"}, "message": {"type": "string"}},
            "required": ["error", "message"],
        },
    }


def _setting(spec: Any) -> dict[str, Any]:
    metadata = spec.metadata
    schema: dict[str, Any] = {
        "type": _KINDS[type(spec.default)],
        "title": metadata["label"],
        "description": metadata["help"],
        "default": spec.default,
    }
    if metadata["choices"]:
        schema["enum"] = list(metadata["choices"])
    if metadata["low"] is not None:
        schema["minimum"], schema["maximum"] = metadata["low"], metadata["high"]
    return schema


def _closed(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    closed = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**closed, "required": list(required)} if required else closed


def _does(
    name: str, answers: dict[str, Any], *errors: int, body: dict[str, Any] | None = None
) -> dict[str, Any]:
    refusals = {str(status): _json(_REASONS[status], "Error") for status in (401, 403, *errors)}
    operation: dict[str, Any] = {"operationId": name, "responses": {**answers, **refusals}}
    if body is not None:
        content = {"application/json": {"schema": body}}
        operation["requestBody"] = {"required": "$ref" in body, "content": content}
    return operation


_REASONS = {
    400: "Not of the described form",
    401: "Token missing or wrong",
    403: "Host or Origin is not this machine",
    404: "No such job, plate or frame",
    409: "Not in this state",
    413: "Too large",
    422: "Well formed, but makes no job",
    507: "No space left",
}


def _json(what: str, schema: str = "") -> dict[str, Any]:
    shape = {"$ref": f"#/components/schemas/{schema}"} if schema else {"type": "object"}
    return {"description": what, "content": {"application/json": {"schema": shape}}}


def _lines(what: str) -> dict[str, Any]:
    shape = {"$ref": "#/components/schemas/Event"}
    return {"description": what, "content": {"application/x-ndjson": {"itemSchema": shape}}}


def _file(what: str, kind: str) -> dict[str, Any]:
    return {"description": what, "content": {kind: {}}}


def _number(name: str, low: int) -> dict[str, Any]:
    schema = {"type": "integer", "minimum": low, "maximum": 2**31 - 1}
    return {"name": name, "in": "path", "required": True, "schema": schema}
