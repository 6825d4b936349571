"""Contracts: one Open Data Contract Standard (v3) file a stream, read and validated.

A contract names the topic, the event key, the event time and its unit, the fields and the limits. The landing table
follows from it.
Only the parts of the standard that are used here are checked: https://bitol-io.github.io/open-data-contract-standard/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from landfall.errors import UserError

CONTRACTS = Path(__file__).parent / "contracts"

POSITION_COLUMNS = {
    "load_id": "bigint not null",
    "topic_id": "uuid not null",
    "kafka_partition": "integer not null",
    "kafka_offset": "bigint not null",
    "kafka_timestamp": "timestamptz",
    "kafka_key": "bytea",
    "landed_at": "timestamptz not null",
}
"""Columns that every landing table has beside the contract's fields, in their order, with their types in Postgres."""
EXTRA_COLUMN = "extra"

ENRICHMENTS = ("user_agent", "ip", "referrer")
"""What the enricher can make of a field: a browser, a place, the one that sent the visitor."""
IDENTIFIED = ("user", "device", "email")
"""Whom a field can identify."""

_SECONDS_OF = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}
_EVENT_TIME_UNITS = ("epoch_seconds", "iso8601", "uuid_v1")
# A landing table called as one of these would add its columns to it. A test holds the list against the database;
# landing_stream.tables refuses whatever else stands in the schema under a stream's name.
LEDGER_RELATIONS = ("files", "gaps", "horizons", "loads", "offsets", "quarantine", "slices", "streams", "writers")
_DAY_PARTITION = re.compile(r"_[0-9]{8}$")
# Columns that every table of Postgres has of its own: a second one of the name cannot be made.
_SYSTEM_COLUMNS = ("tableoid", "xmin", "cmin", "xmax", "cmax", "ctid")


class ContractError(UserError):
    """A contract that cannot be used. The message names the file, the line and the path, and what to write there."""


@dataclass(frozen=True)
class Field:
    """A field of an event, landed as text under its own name."""

    name: str
    description: str
    examples: tuple[Any, ...] = ()
    pii: bool = False
    enrichment: str | None = None
    """One of ENRICHMENTS: what the field holds, so that the enricher reads it."""
    identifies: str | None = None
    """One of IDENTIFIED: whose identifier the field holds, so that `landfall erase` finds it."""


@dataclass(frozen=True)
class Contract:
    """What a stream's records hold.

    `key_fields`: the event key is the first of them that is neither null nor empty. `max_value_bytes`: a larger record
    is quarantined. `expected_every_seconds`: longest usual pause between two records; None: nothing is expected.
    """

    stream: str
    topic: str
    description: str
    key_fields: tuple[str, ...]
    event_time_field: str
    event_time_unit: str
    max_value_bytes: int
    fields: tuple[Field, ...]
    expected_every_seconds: float | None = None

    @property
    def field_names(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.fields)


_SCHEMA: dict[str, Any] = {
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
                                # Postgres cuts identifiers at 63 bytes; dots and dashes are fine, it is quoted.
                                "name": {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_.-]{0,62}$"},
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
                    "unit": {"enum": list(_SECONDS_OF)},
                    "description": {"type": "string"},
                },
            },
        },
        "customProperties": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["property", "value"],
                "properties": {"property": {"enum": ["eventKey", "eventTime", "eventTimeUnit", "maxValueBytes"]}},
            },
        },
    },
}

_CUSTOM_SCHEMA: dict[str, Any] = {
    "eventKey": {"type": "array", "minItems": 1, "items": {"type": "string"}},
    "eventTime": {"type": "string"},
    "eventTimeUnit": {"enum": list(_EVENT_TIME_UNITS)},
    # Kafka's own default for the largest message is a little over 1 MB; Postgres takes up to 1 GB a value.
    "maxValueBytes": {"type": "integer", "minimum": 1, "maximum": 100_000_000},
}


def load_contracts(folder: Path = CONTRACTS) -> dict[str, Contract]:
    """All contracts of a folder by stream, in the order of their file names.

    Raises ContractError for a file that is no contract, and for two that share a stream or a topic. Two topics that
    differ in dots and underscores alone are one to Kafka, whose metrics cannot tell them apart.
    """
    contracts: dict[str, Contract] = {}
    for path in sorted(folder.glob("*.yaml")):
        contract = read_contract(path)
        for other in contracts.values():
            if contract.stream == other.stream or _as_kafka(contract.topic) == _as_kafka(other.topic):
                raise ContractError(
                    f"{path}: stream or topic is that of another contract ({other.stream}); give it a name of its own."
                )
        contracts[contract.stream] = contract
    if not contracts:
        raise ContractError(f"{folder}: no contract here; write one <stream>.yaml for each stream.")
    return contracts


def _as_kafka(topic: str) -> str:
    return topic.replace(".", "_")


def read_contract(path: Path) -> Contract:
    """The contract of one file. Raises ContractError when it is not valid."""
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        document = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ContractError(f"{path}:{line}: not readable as YAML: {error.problem}.") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ContractError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from error
    for problem, where in _problems(document):
        raise ContractError(f"{path}:{_line(node, where)}: {_dotted(where)}: {problem}")
    entity = document["schema"][0]
    custom = {item["property"]: item["value"] for item in document["customProperties"]}
    return Contract(
        stream=entity["name"],
        topic=entity["physicalName"],
        description=entity.get("description", ""),
        key_fields=tuple(custom["eventKey"]),
        event_time_field=custom["eventTime"],
        event_time_unit=custom["eventTimeUnit"],
        max_value_bytes=custom["maxValueBytes"],
        fields=tuple(
            Field(
                name=item["name"],
                description=item["description"],
                examples=tuple(item.get("examples", ())),
                pii=item.get("classification") == "personal",
                enrichment=custom_value(item, "enrichment"),
                identifies=custom_value(item, "identifies"),
            )
            for item in entity["properties"]
        ),
        expected_every_seconds=next(
            (float(sla["value"] * _SECONDS_OF[sla["unit"]]) for sla in document.get("slaProperties", ())), None
        ),
    )


def custom_value(item: dict[str, Any], name: str) -> str | None:
    """Value of a custom property of a field, None where it has none of that name."""
    return next((each["value"] for each in item.get("customProperties", ()) if each["property"] == name), None)


def _problems(document: Any) -> Iterator[tuple[str, list[str | int]]]:
    """What is wrong with a contract, the first mistake of the file first: (sentence, path)."""
    errors = sorted(
        jsonschema.Draft202012Validator(_SCHEMA).iter_errors(document),
        key=lambda error: [str(p) for p in error.absolute_path],
    )
    for error in errors:
        yield _sentence(error), list(error.absolute_path)
    if errors:
        return
    entity, customs = document["schema"][0], document["customProperties"]
    if (taken := _taken(entity["name"])) is not None:
        yield f"{entity['name']!r} {taken}; give the stream another name.", ["schema", 0, "name"]
    if entity["physicalName"] in (".", ".."):
        yield f"{entity['physicalName']!r} is no name that Kafka allows; write another.", ["schema", 0, "physicalName"]
    seen: set[str] = set()
    letters: dict[str, str] = {}
    for index, item in enumerate(entity["properties"]):
        where: list[str | int] = ["schema", 0, "properties", index, "name"]
        if item["name"].lower() in (*POSITION_COLUMNS, EXTRA_COLUMN):
            yield f"{item['name']!r} is a column that every landing table has; a field cannot be called so.", where
        if item["name"] in _SYSTEM_COLUMNS:
            yield f"{item['name']!r} is a column that Postgres gives every table; a field cannot be called so.", where
        if item["name"] in seen:
            yield f"field {item['name']!r} stands here twice; remove one.", where
        elif (other := letters.get(item["name"].lower())) is not None:  # DuckDB takes them for one
            yield f"field {item['name']!r} differs from {other!r} in upper and lower case only; rename one.", where
        seen.add(item["name"])
        letters[item["name"].lower()] = item["name"]
    found: set[str] = set()
    for index, item in enumerate(customs):
        at: list[str | int] = ["customProperties", index, "value"]
        found.add(item["property"])
        for error in jsonschema.Draft202012Validator(_CUSTOM_SCHEMA[item["property"]]).iter_errors(item["value"]):
            yield _sentence(error), at + list(error.absolute_path)
        names = (
            item["value"]
            if item["property"] == "eventKey"
            else [item["value"]]
            if item["property"] == "eventTime"
            else []
        )
        for name in names:
            if name not in seen:
                yield f"{name!r} is no field of this contract; write one of: {', '.join(sorted(seen))}.", at
    for name in _CUSTOM_SCHEMA:
        if name not in found:
            yield f"property {name!r} is missing; add `- property: {name}` with its value.", ["customProperties"]


def _taken(stream: str) -> str | None:
    """What in the schema `landing` bears the name already; None where it is free."""
    if stream in LEDGER_RELATIONS:
        return "is a table of the ledger"
    if _DAY_PARTITION.search(stream):
        return "ends like the partition of a day of another stream"
    return None


def _sentence(error: jsonschema.ValidationError) -> str:
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
            return f"found {found}; write a value of type {rule}."
        case "pattern":
            return f"found {found}; write a text that matches {rule}."
        case _:
            return f"{error.message}."


def _dotted(path: list[str | int]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.lstrip(".") or "the file"


def _line(node: yaml.Node | None, path: list[str | int]) -> int:
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
