"""The OpenAPI document is valid, complete, and true."""

from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from handlers.api.examples import EXAMPLES
from handlers.api.openapi import document
from handlers.api.routes import ROUTES
from tests.handlers.api.world import World

METHODS = {"get", "post", "delete", "put", "patch"}


def test_it_is_openapi_3_1() -> None:
    OPENAPI_31_VALIDATOR.validate(document())


async def test_it_is_served_to_anybody(world: World) -> None:
    answer = await world.nobody.get("/openapi.json")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.body == msgspec.json.decode(msgspec.json.encode(document()))


async def test_it_tells_of_every_route_and_of_no_other(world: World) -> None:
    served = {
        (route.method.lower(), route.resource.canonical)
        for route in world.app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    assert served == {(route.method, route.path) for route in ROUTES}


@pytest.mark.parametrize("shape", EXAMPLES, ids=lambda shape: shape.__name__)
def test_every_example_is_what_it_is_an_example_of(shape: type) -> None:
    described = document()["components"]
    schema = {"$ref": f"#/components/schemas/{shape.__name__}", "components": described}
    Draft202012Validator(schema).validate(EXAMPLES[shape])
    msgspec.convert(EXAMPLES[shape], shape)


def test_every_body_and_every_answer_of_ours_has_an_example() -> None:
    wanted = {shape for route in ROUTES for shape in (*route.body, route.answer) if shape is not None}
    assert wanted == set(EXAMPLES)


def test_every_guarded_operation_tells_of_its_problems() -> None:
    for operation in operations():
        codes = set(operation["responses"])
        if operation["security"]:
            assert {"401", "403", "500", "503"} <= codes, operation["operationId"]
        if "requestBody" in operation:
            assert {"400", "413", "415"} <= codes, operation["operationId"]


def test_every_path_parameter_is_described() -> None:
    for path, item in document()["paths"].items():
        for method in METHODS & set(item):
            named = {one["name"] for one in item[method]["parameters"] if one["in"] == "path"}
            assert named == {part[1:-1] for part in path.split("/") if part.startswith("{")}


def operations() -> list[dict[str, Any]]:
    return [item[method] for item in document()["paths"].values() for method in METHODS & set(item)]
