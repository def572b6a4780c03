"""Examples for every answer of the description: as its form says itself, or else made of its parts."""

from collections.abc import Mapping
from typing import Any

JSON = "application/json"
_PLAIN: dict[str, Any] = {"integer": 1, "boolean": True, "object": {}, "null": None}
_REFERENCE = "#/components/schemas/"


def fill(description: dict[str, Any]) -> None:
    """Give each JSON answer that has no example one that follows from its schema."""
    schemas = description.get("components", {}).get("schemas", {})
    for schema in schemas.values():
        if "example" in schema:
            schema["example"] = _whole(schema["example"], schema, schemas)
    for operations in description["paths"].values():
        for operation in operations.values():
            for answer in operation["responses"].values():
                for media_type, media in answer.get("content", {}).items():
                    if media_type.endswith("json") and not {"example", "examples"} & set(media):
                        media["example"] = example_of(media.get("schema", {}), schemas)


def example_of(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON
    """Return a value that `schema` allows; `schemas` are those that it may name."""
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].removeprefix(_REFERENCE)], schemas)
    written = [schema["example"]] if "example" in schema else schema.get("examples")
    if written:
        return written[0]
    if "anyOf" in schema:
        return example_of(schema["anyOf"][0], schemas)
    if "properties" in schema:
        return {name: example_of(each, schemas) for name, each in schema["properties"].items()}
    if schema.get("type") == "array":
        return [example_of(schema["items"], schemas)] * max(1, schema.get("minItems", 1))
    return _text(schema) if schema.get("type") == "string" else _PLAIN[schema.get("type", "object")]


def _whole(example: Any, schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
    """Return an example with each null that it was written with: they are lost on the way to here."""
    if "$ref" in schema:
        return _whole(example, schemas[schema["$ref"].removeprefix(_REFERENCE)], schemas)
    if "anyOf" in schema:
        return None if example is None else _whole(example, schema["anyOf"][0], schemas)
    if isinstance(example, list):
        return [_whole(each, schema.get("items", {}), schemas) for each in example]
    if not isinstance(example, dict) or "properties" not in schema:
        return example
    return {
        name: _whole(example.get(name), each, schemas)
        for name, each in schema["properties"].items()
        if name in example or name in schema.get("required", ())
    }


def _text(schema: Mapping[str, Any]) -> str:
    """Return a text for the few patterns that answers have."""
    pattern = schema.get("pattern", "")
    if pattern.startswith("^0x"):
        return "0x" + "5c" * (32 if "64" in pattern else 20)
    if pattern.startswith("^("):
        return str(pattern[2:].partition("|")[0])
    return "1" if "[0-9]" in pattern and "a-f" not in pattern else "5c" * 32 if pattern else "text"
