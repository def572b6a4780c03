"""The description: given any endpoint, it should show an example of what is sent and of what comes back.

Each example of an answer should be one that its own schema allows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api.conftest import Site

pytestmark = pytest.mark.parametrize("kind", ["sqlite"])
# Nothing is told of these but that they are texts.
TEXTS = {"text/event-stream", "application/octet-stream", "text/plain"}


def operations(description: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def resolved(schema: dict[str, Any], description: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = description["components"]["schemas"][name] if name else schema
    return found


def test_every_answer_has_an_example_that_is_one(site: Site) -> None:
    description = site.app.openapi()
    for name, operation in operations(description):
        answers = {status: each for status, each in operation["responses"].items() if status.startswith("2")}
        assert answers, name
        for status, answer in operation["responses"].items():
            for media_type, media in answer.get("content", {}).items():
                if media_type in TEXTS:
                    continue
                schema = {**media["schema"], "components": description["components"]}
                assert media["example"], f"{name} {status}"
                jsonschema.validate(media["example"], schema)


def test_whatever_is_sent_has_an_example(site: Site) -> None:
    description = site.app.openapi()
    for name, operation in operations(description):
        for parameter in operation.get("parameters", ()):
            schema = parameter["schema"]
            for example in schema["examples"]:
                jsonschema.validate(example, schema)
            assert schema["examples"], f"{name} {parameter['name']}"
        if "requestBody" in operation:
            body = operation["requestBody"]["content"]["application/json"]
            schema = body["schema"]
            shown = [each["value"] for each in body.get("examples", {}).values()]
            shown += [resolved(schema, description)["example"]] if not shown else []
            for example in shown:
                jsonschema.validate(example, {**schema, "components": description["components"]})


def forms(schema: object, description: dict[str, Any], found: set[str]) -> set[str]:
    """Return the names of all forms that stand in a schema."""
    parts = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    for part in parts:
        name = part.rpartition("/")[2] if isinstance(part, str) and part.startswith("#/") else None
        if name is not None and name not in found:
            found.add(name)
            forms(description["components"]["schemas"][name], description, found)
        forms(part, description, found)
    return found


def test_whoever_tells_an_amount_tells_what_of(site: Site) -> None:
    description = site.app.openapi()
    telling = 0
    for name, operation in operations(description):
        for status, answer in operation["responses"].items():
            schema = answer.get("content", {}).get("application/json", {}).get("schema")
            found = forms(schema, description, set())
            schemas = [description["components"]["schemas"][each] for each in found]
            if status.startswith("2") and "Base units" in str(schemas):
                assert "AssetAnswer" in found, name
                telling += 1
    assert telling > 15
