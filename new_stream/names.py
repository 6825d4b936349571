"""Names of columns for fields of any name: lower case, none twice, none of Postgres' or of ours."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable


def several(words: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(words.split())


KEYWORDS = several(
    """
    all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case cast
    char character check coalesce collate collation column concurrently constraint create cross current_catalog
    current_date current_role current_schema current_time current_timestamp current_user dec decimal default deferrable
    desc distinct do else end except exists extract false fetch float for foreign freeze from full grant greatest group
    grouping having ilike in initially inner inout int integer intersect interval into is isnull join json json_array
    json_arrayagg json_exists json_object json_objectagg json_query json_scalar json_serialize json_table json_value
    lateral leading least left like limit localtime localtimestamp merge_action national natural nchar none normalize
    not notnull null nullif numeric offset on only or order out outer overlaps overlay placing position precision
    primary real references returning right row select session_user setof similar smallint some substring symmetric
    system_user table tablesample then time timestamp to trailing treat trim true union unique user using values
    varchar variadic verbose when where window with xmlattributes xmlconcat xmlelement xmlexists xmlforest
    xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
    """
)
"""Words of Postgres that are more than names: a test holds them against pg_get_keywords()."""
OWN = several(
    """
    load_id topic_id kafka_partition kafka_offset kafka_timestamp kafka_key landed_at extra event_key event_at
    event_date hour events key_text time_text is_from_future is_set_apart bad_casts rejected_reason changed_load_id
    traffic once texts read landed final tableoid xmin cmin xmax cmax ctid stream
    """
)
"""Columns and relations that the models have of their own."""
YAML_WORDS = several("yes no on off true false null")
"""Names that YAML takes for something else than a text."""
LONGEST = 40
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def words_of(name: str) -> list[str]:
    """The words of a name, in lower case and ASCII: `startTime`, `start-time` and `Start Time` have the same."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return [word for word in re.split(r"[^a-z0-9]+", _CAMEL.sub(" ", plain).lower()) if word]


def columns_of(fields: Iterable[str]) -> dict[str, str]:
    """A column's name by field, in the order of the fields."""
    found: dict[str, str] = {}
    taken: set[str] = set(OWN)
    for number, field in enumerate(fields, start=1):
        name = "_".join(words_of(field))[:LONGEST].strip("_") or f"field_{number}"
        if name[0].isdigit():
            name = f"field_{name}"
        if name in OWN | KEYWORDS | YAML_WORDS or f"{name}_key" in OWN or f"{name}_text" in OWN:
            name = f"{name}_sent"
        stem, again = name, 1
        while {name, *made_of(name)} & taken:
            again += 1
            name = f"{stem}_{again}"
        taken |= {name, *made_of(name)}
        found[field] = name
    return found


def made_of(name: str) -> set[str]:
    """What the models call what they make of a column."""
    return {f"{name}_{ending}" for ending in ("text", "key", "sum", "values", "mean")}


def label_of(name: str) -> str:
    """A name as people read it on a dashboard; without what has a meaning there."""
    shown = " ".join(word for word in re.split(r"[\s_{}\[\]\"\\%<>]+", name) if word) or "Field"
    return shown[:1].upper() + shown[1:60]
