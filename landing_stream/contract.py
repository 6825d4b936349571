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

from landfall.declared import zone
from landfall.errors import UserError
from landing_stream.contract_schema import CUSTOM_SCHEMA, SCHEMA, SECONDS_OF, dotted, line_of, sentence
from landing_stream.event_time import UNITS_WITH_ZONE, template_problem

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

# A landing table called as one of these would add its columns to it. A test holds the list against the database;
# landing_stream.tables refuses whatever else stands in the schema under a stream's name.
LEDGER_RELATIONS = (
    "files",
    "gaps",
    "histories",
    "horizons",
    "loads",
    "offsets",
    "positions",
    "quarantine",
    "slices",
    "streams",
    "writers",
)
_DAY_PARTITION = re.compile(r"_[0-9]{8}$")
# Columns that every table of Postgres has of its own: a second one of the name cannot be made.
_SYSTEM_COLUMNS = ("tableoid", "xmin", "cmin", "xmax", "cmax", "ctid")
# What a text in Postgres cannot hold: NUL, and half of a character.
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")


class ContractError(UserError):
    """A contract that cannot be used. The message names the file, the line and the path, and what to write there."""


@dataclass(frozen=True)
class Field:
    """A field of an event, landed as text in a column of its own."""

    name: str
    """As it stands in the record: any text."""
    description: str
    examples: tuple[Any, ...] = ()
    pii: bool = False
    enrichment: str | None = None
    """One of ENRICHMENTS: what the field holds, so that the enricher reads it."""
    identifies: str | None = None
    """One of IDENTIFIED: whose identifier the field holds, so that `landfall erase` finds it."""
    physical_name: str | None = None
    """Its column, where that cannot be called as the field is."""

    @property
    def column(self) -> str:
        """Its column in Postgres."""
        return self.physical_name or self.name


@dataclass(frozen=True)
class Contract:
    """What a stream's records hold.

    `key_fields`: the event key is the first of them that is neither null nor empty; several fields in one place are
    taken together, and none of them may be missing; without any, each record is an event, known by its place.
    `event_time_path`: where the time stands inside the object that the field holds, name by name; empty: the field is
    the time. `event_time_format`: template of the unit `format`. `event_time_zone`: of times without an offset.
    `max_value_bytes`: a larger record is quarantined. `expected_every_seconds`: longest usual pause between two
    records; None: nothing is expected.
    """

    stream: str
    topic: str
    description: str
    key_fields: tuple[str | tuple[str, ...], ...]
    event_time_field: str
    event_time_unit: str
    max_value_bytes: int
    fields: tuple[Field, ...]
    expected_every_seconds: float | None = None
    event_time_path: tuple[str, ...] = ()
    event_time_format: str | None = None
    event_time_zone: str = "UTC"

    @property
    def field_names(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.fields)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the fields in the landing table."""
        return tuple(field.column for field in self.fields)


_MAY_BE_MISSING = ("eventTimeFormat", "eventTimeZone")
_LONGEST_COLUMN = 63
"""Bytes: Postgres cuts what is longer."""


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
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
        document = yaml.load(text, yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ContractError(f"{path}:{line}: not readable as YAML: {error.problem}.") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ContractError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from error
    for problem, where in _problems(document):
        raise ContractError(f"{path}:{line_of(node, where)}: {dotted(where)}: {problem}")
    entity = document["schema"][0]
    custom = {item["property"]: item["value"] for item in document["customProperties"]}
    time_field, *time_path = [custom["eventTime"]] if isinstance(custom["eventTime"], str) else custom["eventTime"]
    return Contract(
        stream=entity["name"],
        topic=entity["physicalName"],
        description=entity.get("description", ""),
        key_fields=tuple(item if isinstance(item, str) else tuple(item) for item in custom["eventKey"]),
        event_time_field=time_field,
        event_time_path=tuple(time_path),
        event_time_unit=custom["eventTimeUnit"],
        event_time_format=custom.get("eventTimeFormat"),
        event_time_zone=custom.get("eventTimeZone", "UTC"),
        max_value_bytes=custom["maxValueBytes"],
        fields=tuple(
            Field(
                name=item["name"],
                description=item["description"],
                examples=tuple(item.get("examples", ())),
                pii=item.get("classification") == "personal",
                enrichment=custom_value(item, "enrichment"),
                identifies=custom_value(item, "identifies"),
                physical_name=item.get("physicalName"),
            )
            for item in entity["properties"]
        ),
        expected_every_seconds=next(
            (float(sla["value"] * SECONDS_OF[sla["unit"]]) for sla in document.get("slaProperties", ())), None
        ),
    )


def custom_value(item: dict[str, Any], name: str) -> str | None:
    """Value of a custom property of a field, None where it has none of that name."""
    return next((each["value"] for each in item.get("customProperties", ()) if each["property"] == name), None)


def _problems(document: Any) -> Iterator[tuple[str, list[str | int]]]:
    """What is wrong with a contract, the first mistake of the file first: (sentence, path)."""
    errors = sorted(
        jsonschema.Draft202012Validator(SCHEMA).iter_errors(document),
        key=lambda error: [str(p) for p in error.absolute_path],
    )
    for error in errors:
        yield sentence(error), list(error.absolute_path)
    if errors:
        return
    entity, customs = document["schema"][0], document["customProperties"]
    if (taken := _taken(entity["name"])) is not None:
        yield f"{entity['name']!r} {taken}; give the stream another name.", ["schema", 0, "name"]
    if entity["physicalName"] in (".", ".."):
        yield f"{entity['physicalName']!r} is no name that Kafka allows; write another.", ["schema", 0, "physicalName"]
    yield from _problems_of_fields(entity["properties"])
    yield from _problems_of_customs(customs, [item["name"] for item in entity["properties"]])


def _problems_of_fields(items: list[dict[str, Any]]) -> Iterator[tuple[str, list[str | int]]]:
    seen: set[str] = set()
    columns: dict[str, str] = {}
    for index, item in enumerate(items):
        where: list[str | int] = ["schema", 0, "properties", index, "name"]
        name, column = item["name"], item.get("physicalName", item["name"])
        if not name or _NO_TEXT.search(name):
            yield f"found {name!r}; write a name of at least one character, and none that Postgres cannot store.", where
        if name in seen:
            yield f"field {name!r} stands here twice; remove one.", where
        elif (problem := column_problem(column, columns)) is not None:
            if "physicalName" in item:
                where[-1] = "physicalName"
                yield f"{column!r} {problem}; write another name.", where
            else:
                yield f"{column!r} {problem}; add `physicalName:` with another name for its column.", where
        seen.add(name)
        columns.setdefault(column.lower(), column)


def column_problem(column: str, others: dict[str, str]) -> str | None:
    """Why a name cannot be that of a column; None where it can. `others`: columns by their lower-case letters."""
    if not column or _NO_TEXT.search(column):
        return "cannot be the name of a column"
    if column.lower() in (*POSITION_COLUMNS, EXTRA_COLUMN):
        return "is a column that every landing table has"
    if column in _SYSTEM_COLUMNS:
        return "is a column that Postgres gives every table"
    if (size := len(column.encode())) > _LONGEST_COLUMN:
        return f"has {size} bytes, and Postgres cuts a column's name at {_LONGEST_COLUMN}"
    if (other := others.get(column.lower())) == column:
        return "is the column of another field"
    if other is not None:
        return f"differs from the column {other!r} in upper and lower case only"
    return None


def _problems_of_customs(items: list[dict[str, Any]], names: list[str]) -> Iterator[tuple[str, list[str | int]]]:
    values: dict[str, Any] = {}
    for index, item in enumerate(items):
        at: list[str | int] = ["customProperties", index, "value"]
        name, value = item["property"], item["value"]
        values[name] = value
        errors = list(jsonschema.Draft202012Validator(CUSTOM_SCHEMA[name]).iter_errors(value))
        for error in errors:
            yield sentence(error), at + list(error.absolute_path)
        if errors:
            continue
        for unknown in _unknown_fields(name, value, names):
            yield f"{unknown!r} is no field of this contract; write one of: {', '.join(sorted(names))}.", at
        if name == "eventTimeFormat" and (problem := template_problem(value)) is not None:
            yield f"{value!r} is no template: {problem}.", at
        if name == "eventTimeZone" and (problem := _zone_problem(value)) is not None:
            yield f"found {value!r}; {problem}.", at
    for name in CUSTOM_SCHEMA:
        if name not in values and (name not in _MAY_BE_MISSING or _is_format_missing(name, values)):
            yield f"property {name!r} is missing; add `- property: {name}` with its value.", ["customProperties"]
    unit, at = values.get("eventTimeUnit"), ["customProperties"]
    if "eventTimeFormat" in values and unit != "format":
        yield f"eventTimeFormat says nothing where eventTimeUnit is {unit}; write format there, or remove it.", at
    if "eventTimeZone" in values and unit not in UNITS_WITH_ZONE:
        yield f"eventTimeZone says nothing where eventTimeUnit is {unit}, whose times have none; remove it.", at


def _is_format_missing(name: str, values: dict[str, Any]) -> bool:
    return name == "eventTimeFormat" and values.get("eventTimeUnit") == "format"


def _unknown_fields(name: str, value: Any, names: list[str]) -> list[str]:
    """What a property names as a field and is none."""
    if name == "eventKey":
        named = [each for item in value for each in ([item] if isinstance(item, str) else item)]
    elif name == "eventTime":
        named = [value] if isinstance(value, str) else value[:1]
    else:
        named = []
    return [each for each in named if each not in names]


def _zone_problem(named: str) -> str | None:
    try:
        zone(named)
    except ValueError as error:
        return str(error)
    return None


def _taken(stream: str) -> str | None:
    """What in the schema `landing` bears the name already; None where it is free."""
    if stream in LEDGER_RELATIONS:
        return "is a table of the ledger"
    if _DAY_PARTITION.search(stream):
        return "ends like the partition of a day of another stream"
    return None
