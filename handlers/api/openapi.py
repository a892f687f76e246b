"""The OpenAPI 3.1 document, made of the shapes that parse and write."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec

from bot.core.strict import INTEGER_MAX
from handlers.api.examples import EXAMPLES
from handlers.api.routes import ROUTES, Route
from handlers.api.shapes import Problem
from handlers.problems import CONTENT_TYPE

REF = "#/components/schemas/{name}"
PROBLEMS = {
    400: "the body, a parameter or a header is not what this door takes",
    401: "no credential, or one that is not in force",
    403: "a credential of another kind, or one that may not do this",
    404: "nothing here that this caller may see",
    409: "it no longer fits how things stand; `type` says how",
    413: "the body is too large",
    415: "the body is not plain `application/json`",
    429: "too many requests; `Retry-After` says when",
    500: "a fault of ours",
    503: "nothing can be decided safely right now; nothing was changed",
}
# What strict JSON carries (bot.core.strict); numbers beyond ±(2^53-1) are sent as strings.
JSON = {
    "anyOf": [
        {"type": ["null", "boolean", "string"]},
        {"type": "number", "minimum": -INTEGER_MAX, "maximum": INTEGER_MAX},
        {"type": "array", "items": {"$ref": REF.format(name="Json")}},
        {"type": "object", "additionalProperties": {"$ref": REF.format(name="Json")}},
    ]
}
EVERYWHERE = (500, 503)  # wherever the database is asked
CALLERS = {
    "agent": "an agent's key: `agents add`",
    "executor": "an executor's key: `executors add`; or an agent's that executes: `agents add --executor`",
    "person": "a person's token, 12 h at most: `people token`",
}
REQUEST_ID = {"description": "names this answer in our logs", "schema": {"type": "string"}, "required": True}
PROBLEM_HEADERS = {
    401: {"WWW-Authenticate": {"required": True, "schema": {"type": "string"}}},
    429: {"Retry-After": {"required": True, "schema": {"type": "integer"}, "description": "seconds"}},
    503: {"Retry-After": {"required": True, "schema": {"type": "integer"}, "description": "seconds"}},
}


def document() -> dict[str, Any]:
    """Return the whole document."""
    shapes = [shape for route in ROUTES for shape in (*route.body, route.answer) if shape is not None]
    _, schemas = msgspec.json.schema_components([*dict.fromkeys(shapes), Problem], ref_template=REF)
    paths: dict[str, Any] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Assent",
            "version": _version(),
            "description": "Human approval for AI agents' privileged actions.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": {**{name: _strict(schema) for name, schema in schemas.items()}, "Json": JSON},
            "headers": {"X-Request-ID": REQUEST_ID},
            "responses": {f"Problem{code}": _problem(code) for code in PROBLEMS},
            "securitySchemes": {
                caller: {"type": "http", "scheme": "bearer", "description": words}
                for caller, words in CALLERS.items()
            },
        },
    }


def _strict(schema: Any) -> Any:
    """Say of every object that may hold anything that this is strict JSON."""
    if isinstance(schema, list):
        return [_strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") == "object" and not {"properties", "additionalProperties"} & set(schema):
        return {**schema, "additionalProperties": {"$ref": REF.format(name="Json")}}
    return {
        name: value if name in ("default", "examples") else _strict(value) for name, value in schema.items()
    }


def _version() -> str:
    try:
        return version("assent-bot")
    except PackageNotFoundError:  # run from a checkout
        return "0"


def _operation(route: Route) -> dict[str, Any]:
    codes = (*route.problems, *EVERYWHERE) if route.caller else ()
    operation: dict[str, Any] = {
        "operationId": route.id,
        "summary": route.summary,
        "tags": [f"{route.caller}s" if route.caller else "documents"],
        "security": [{route.caller: []}] if route.caller else [],
        "parameters": list(route.parameters),
        "responses": {
            **{str(code): _answer(route, words) for code, words in route.answers.items()},
            **{str(code): {"$ref": f"#/components/responses/Problem{code}"} for code in codes},
        },
    }
    if route.body:
        operation["requestBody"] = {"required": True, "content": {"application/json": _content(*route.body)}}
    return operation


def _answer(route: Route, words: str) -> dict[str, Any]:
    own = {"$ref": "#/components/headers/X-Request-ID"}
    content = _content(route.answer) if route.answer else {"schema": {"type": "object"}}
    media = "application/jwk-set+json" if route.id == "listKeys" else "application/json"
    return {
        "description": words,
        "headers": {"X-Request-ID": own, **(route.headers or {})},
        "content": {media: content},
    }


def _content(*shapes: type) -> dict[str, Any]:
    """Return the media type object of one shape, or of one of several."""
    refs = [{"$ref": REF.format(name=shape.__name__)} for shape in shapes]
    examples = {shape.__name__: {"value": EXAMPLES[shape]} for shape in shapes if shape in EXAMPLES}
    content: dict[str, Any] = {"schema": refs[0] if len(refs) == 1 else {"oneOf": refs}}
    return {**content, "examples": examples} if examples else content


def _problem(code: int) -> dict[str, Any]:
    own = {"$ref": "#/components/headers/X-Request-ID"}
    return {
        "description": PROBLEMS[code],
        "headers": {"X-Request-ID": own, **PROBLEM_HEADERS.get(code, {})},
        "content": {CONTENT_TYPE: {"schema": {"$ref": REF.format(name="Problem")}}},
    }
