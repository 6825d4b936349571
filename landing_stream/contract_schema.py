"""What a contract's file has to look like, as far as a JSON Schema can say it, and its mistakes in sentences."""

from __future__ import annotations

from typing import Any

import jsonschema
import yaml

from landing_stream.event_time import UNITS

ENRICHMENTS = ("user_agent", "ip", "referrer")
"""What the enricher can make of a field: a browser, a place, the one that sent the visitor."""
IDENTIFIED = ("user", "device", "email")
"""Whom a field can identify."""

SECONDS_OF = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}
"""Units of slaProperties, in seconds."""

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["apiVersion", "kind", "id", "version", "status", "schema", "customProperties"],
    "properties": {
        "apiVersion": {"type": "string", "pattern": r"^v3\.\d+\.\d+$"},
        "kind": {"const": "DataContract"},
        "id": {"type": "string"},
        "version": {"type": "string"},
        "status": {"type": "string"},
        "schema": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1,
            "items": {
                "type": "object",
                "required": ["name", "physicalName", "properties"],
                "properties": {
                    "name": {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,39}$"},
                    "physicalName": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,249}$"},
                    "description": {"type": "string"},
                    "properties": {
                        "type": "array",
                        "minItems": 1,
                        "items": {
                            "type": "object",
                            "required": ["name", "description"],
                            "additionalProperties": False,
                            "properties": {
                                "name": {"type": "string"},
                                "physicalName": {"type": "string"},
                                "logicalType": {"const": "string"},
                                "description": {"type": "string", "minLength": 1},
                                "examples": {"type": "array"},
                                "classification": {"enum": ["personal", "public", "internal"]},
                                "customProperties": {
                                    "type": "array",
                                    "minItems": 1,
                                    "maxItems": 1,
                                    "items": {
                                        "type": "object",
                                        "required": ["property", "value"],
                                        "additionalProperties": False,
                                        "properties": {
                                            "property": {"enum": ["enrichment", "identifies"]},
                                            "value": {},
                                        },
                                        "if": {"properties": {"property": {"const": "identifies"}}},
                                        "then": {"properties": {"value": {"enum": list(IDENTIFIED)}}},
                                        "else": {"properties": {"value": {"enum": list(ENRICHMENTS)}}},
                                    },
                                },
                            },
                        },
                    },
                },
            },
        },
        "slaProperties": {
            "type": "array",
            "maxItems": 1,
            "items": {
                "type": "object",
                "required": ["property", "value", "unit"],
                "additionalProperties": False,
                "properties": {
                    "property": {"const": "frequency"},
                    "value": {"type": "number", "exclusiveMinimum": 0},
                    "unit": {"enum": list(SECONDS_OF)},
                    "description": {"type": "string"},
                },
            },
        },
        "customProperties": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["property", "value"],
                "properties": {
                    "property": {
                        "enum": [
                            "eventKey",
                            "eventTime",
                            "eventTimeUnit",
                            "eventTimeFormat",
                            "eventTimeZone",
                            "maxValueBytes",
                        ]
                    }
                },
            },
        },
    },
}

_NAMES: dict[str, Any] = {"type": ["string", "array"], "minItems": 2, "items": {"type": "string"}}
CUSTOM_SCHEMA: dict[str, Any] = {
    "eventKey": {"type": "array", "items": {**_NAMES, "uniqueItems": True}},
    "eventTime": _NAMES,
    "eventTimeUnit": {"enum": list(UNITS)},
    "eventTimeFormat": {"type": "string"},
    "eventTimeZone": {"type": "string"},
    # Kafka's own default for the largest message is a little over 1 MB; Postgres takes up to 1 GB a value.
    "maxValueBytes": {"type": "integer", "minimum": 1, "maximum": 100_000_000},
}
"""Values of the customProperties, by name."""


def sentence(error: jsonschema.ValidationError) -> str:
    """A schema error as one sentence that says what to write."""
    rule: Any = error.validator_value
    schema: Any = error.schema
    instance: Any = error.instance
    found = repr(instance) if len(repr(instance)) <= 60 else "this"
    match error.validator:
        case "required":
            missing = [name for name in rule if name not in instance]
            return f"{', '.join(missing)} is missing; add it."
        case "additionalProperties":
            unknown = sorted(set(instance) - set(schema["properties"]))
            return f"{', '.join(unknown)} is not known here; use: {', '.join(schema['properties'])}."
        case "const":
            return f"found {found}; write {rule}."
        case "enum":
            return f"found {found}; write one of: {', '.join(map(str, rule))}."
        case "type":
            return f"found {found}; write a value of type {rule if isinstance(rule, str) else ' or '.join(rule)}."
        case "minItems" if rule > 1:
            return f"found {found}; write at least {rule} values here, or the one as a text."
        case "uniqueItems":
            return f"found {found}; write each of them once."
        case "pattern":
            return f"found {found}; write a text that matches {rule}."
        case _:
            return f"{error.message}."


def dotted(path: list[str | int]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.lstrip(".") or "the file"


def line_of(node: yaml.Node | None, path: list[str | int]) -> int:
    """The line, from 1, of the node at a path, or of the deepest part of the path that exists."""
    line = 1
    for part in path:
        if isinstance(node, yaml.MappingNode):
            node = next((value for key, value in node.value if key.value == part), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
        else:
            node = None
        if node is None:
            break
        line = node.start_mark.line + 1
    return line
