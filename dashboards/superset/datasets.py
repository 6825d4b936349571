"""A dataset of Superset from its description: the SQL over one model, its columns and its metrics.

What charts compare, cut into days or read on a clock is worked out in this SQL and in the models, never by Superset or
the browser: both shift days where their zone is another one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dashboards.superset.description import Dataset, Metric
from dashboards.superset.identity import DATABASE, VERSION, identity
from dashboards.superset.marts import SCHEMA, Column, Mart, Marts
from landfall.errors import UserError

CLOCK = "trust_clock"
ZONE = f"(select clock.reporting_timezone from {SCHEMA}.{CLOCK} as clock)"
TRAFFIC = "traffic"
EVERYBODY = "all traffic"
PEOPLE = "people"
TYPES = {"timestamp": "timestamp without time zone"}
TEMPORAL = ("date", "timestamp without time zone", "timestamptz")
IN_BRACES = re.compile(r"\{([\w.]+)\}")
IN_BRACKETS = re.compile(r"\[(\w+)\]")
PERCENT = "chr(37)"
"""A percent sign in SQL text is taken for a parameter's place by some drivers."""


@dataclass(frozen=True)
class Shown:
    """A column of a dataset: `sql` of its value in the query."""

    column: Column
    sql: str
    label: str


@dataclass(frozen=True)
class Compiled:
    """A dataset that is checked against the models."""

    name: str
    description: Dataset
    mart: Mart
    columns: dict[str, Shown]
    tables: tuple[str, ...]
    """Names of the models that its SQL reads."""

    @property
    def uuid(self) -> str:
        """What it is known by."""
        return identity("dataset", self.name)

    @property
    def has_traffic(self) -> bool:
        """Whether each row is there twice, for all traffic and for people."""
        return bool(self.description.people)

    def check_column(self, name: str) -> None:
        """Raise UserError for a column that it does not have."""
        if name not in self.columns:
            raise UserError(f"dataset {self.name} has no column {name!r}: it has {', '.join(self.columns)}")


def compiled(name: str, description: Dataset, marts: Marts) -> Compiled:
    """The dataset. Raises UserError, which names it, for a model or a column that dbt's manifest does not have."""
    mart = marts.mart(description.model)
    joined = {join.model: marts.mart(join.model) for join in description.joins}
    for join in description.joins:
        mart.column(join.by)
        joined[join.model].column(join.by)
    columns = {shown.column.name: shown for shown in shown_columns(description, mart, joined)}
    uses_clock = bool(description.local) or any(ZONE in shown.sql for shown in columns.values())
    tables = (mart.name, *joined, *([CLOCK] if uses_clock else []))
    if description.day is not None and description.day not in columns:
        raise UserError(f"model {mart.name} has no column {description.day!r}, which the day range chooses by")
    dataset = Compiled(name, description, mart, columns, tables)
    for metric in description.metrics.values():
        metric_sql(dataset, metric)
    return dataset


def shown_columns(description: Dataset, mart: Mart, joined: dict[str, Mart]) -> list[Shown]:
    """The columns: the model's, the traffic's, those on the local clock and the computed ones."""
    replaced = {other for other in description.people.values() if other is not None}
    for name in (*description.people, *replaced, *description.without, *description.text, *description.local.values()):
        mart.column(name)
    found = []
    for name, column in mart.columns.items():
        if name in replaced or name in description.without or name in description.local.values():
            continue
        sql, type_ = f"m.{name}", TYPES.get(column.type, column.type)
        if name in description.people:
            sql = f"t.{name}"
        elif name in description.text:
            sql, type_ = f"m.{name}::text", "text"
        found.append(shown(description, Column(name, type_, column.description), sql))
    if description.people:
        words = f"{EVERYBODY}, or {PEOPLE}: without bots. Each row is there for both."
        found.append(shown(description, Column(TRAFFIC, "text", words), f"t.{TRAFFIC}"))
    for name, instant in description.local.items():
        words = f"{mart.column(instant).description} On the clock of the reporting time zone."
        column = Column(name, "timestamp without time zone", words)
        found.append(shown(description, column, f"m.{instant} at time zone {ZONE}"))
    for name, computed in description.computed.items():
        column = Column(name, TYPES.get(computed.type, computed.type), computed.description)
        sql = filled(computed.sql, lambda reference: source_column(reference, mart, joined))
        found.append(Shown(column, sql, computed.label))
    return found


def shown(description: Dataset, column: Column, sql: str) -> Shown:
    """The column under the name that people read."""
    return Shown(column, sql, description.labels.get(column.name) or column.name.replace("_", " ").capitalize())


def source_column(reference: str, mart: Mart, joined: dict[str, Mart]) -> str:
    """SQL of `column` of the model, of `dim_job.title`, or of `zone`. Raises UserError where there is none."""
    if reference == "zone":
        return ZONE
    table, _, name = reference.rpartition(".")
    if table and table not in joined:
        raise UserError(f"model {mart.name} is not joined with {table!r}")
    (joined[table] if table else mart).column(name)
    return f"{table or 'm'}.{name}"


def filled(sql: str, replacement: Callable[[str], str]) -> str:
    """The SQL with what stands in braces replaced. Raises UserError where it has a percent sign."""
    if "%" in sql:
        raise UserError(f"write {PERCENT} instead of a percent sign in {sql!r}")
    return IN_BRACES.sub(lambda found: replacement(found[1]), " ".join(sql.split()))


def dataset_sql(dataset: Compiled) -> str:
    """The query that charts ask of."""
    description = dataset.description
    chosen = ",\n".join(f"    {shown.sql} as {name}" for name, shown in dataset.columns.items())
    lines = [f"select\n{chosen}", f"from {SCHEMA}.{dataset.mart.name} as m"]
    lines += [
        f"left join {SCHEMA}.{join.model} as {join.model} on m.{join.by} = {join.model}.{join.by}"
        for join in description.joins
    ]
    if description.people:
        names = ", ".join((TRAFFIC, *description.people))
        everybody = ", ".join((f"'{EVERYBODY}'", *(f"m.{name}" for name in description.people)))
        people = ", ".join(
            (f"'{PEOPLE}'", *("null" if name is None else f"m.{name}" for name in description.people.values()))
        )
        lines.append(f"cross join lateral (\n    values ({everybody}), ({people})\n) as t ({names})")
    return "\n".join(lines) + "\n"


def metric_sql(dataset: Compiled, metric: Metric) -> str:
    """SQL of a metric over the dataset's columns. Raises UserError for a column or a metric that is not there.

    Where each row is there for all traffic and for people, and no filter chooses one, all traffic counts: nothing is
    counted twice.
    """
    condition = "" if metric.where is None else columns_filled(dataset, metric.where)
    for aggregate in ("sum", "max", "count_distinct"):
        column = getattr(metric, aggregate)
        if column is not None:
            return aggregated(dataset, aggregate, column, condition)
    if metric.ratio is not None:
        part, whole = (aggregated(dataset, "sum", column, condition) for column in metric.ratio)
        return f"{part}::numeric / nullif({whole}, 0)"
    assert metric.sql is not None
    with_parts = IN_BRACKETS.sub(lambda found: f"({metric_sql(dataset, named_part(dataset, found[1]))})", metric.sql)
    return columns_filled(dataset, with_parts)


def named_part(dataset: Compiled, name: str) -> Metric:
    """A metric that another one names. Raises UserError where it is not there."""
    if name not in dataset.description.metrics:
        raise UserError(f"dataset {dataset.name} has no metric {name!r}")
    return dataset.description.metrics[name]


def aggregated(dataset: Compiled, aggregate: str, column: str, condition: str) -> str:
    """One aggregate of one column."""
    dataset.check_column(column)
    call = f"count(distinct {column})" if aggregate == "count_distinct" else f"{aggregate}({column})"
    if TRAFFIC not in dataset.columns:
        return f"{call} filter (where {condition})" if condition else call
    both = f"{condition} and " if condition else ""
    of_all = f"{call} filter (where {both}{TRAFFIC} = '{EVERYBODY}')"
    of_shown = f"{call} filter (where {condition})" if condition else call
    return f"coalesce({f'nullif({of_all}, 0)' if aggregate == 'count_distinct' else of_all}, {of_shown})"


def columns_filled(dataset: Compiled, sql: str) -> str:
    """The SQL with the dataset's columns in place of braces."""

    def replacement(name: str) -> str:
        if name == "zone":
            return ZONE
        dataset.check_column(name)
        return name

    return filled(sql, replacement)


def metric_words(dataset: Compiled, metric: Metric) -> str:
    """What a metric is: its own words, else dbt's of its column."""
    column = metric.sum or metric.max or metric.count_distinct
    if metric.description or column is None:
        return metric.description
    return dataset.columns[column].column.description


def dataset_file(dataset: Compiled) -> dict[str, Any]:
    """The file of an archive."""
    return {
        "table_name": dataset.name,
        "main_dttm_col": dataset.description.day,
        "currency_code_column": dataset.description.currency,
        "description": dataset.mart.description,
        "schema": SCHEMA,
        "sql": dataset_sql(dataset),
        "offset": 0,
        "filter_select_enabled": True,
        "normalize_columns": False,
        "always_filter_main_dttm": False,
        "uuid": dataset.uuid,
        "columns": [column_entry(shown) for shown in dataset.columns.values()],
        "metrics": [
            {
                "metric_name": name,
                "verbose_name": metric.label,
                "expression": metric_sql(dataset, metric),
                "description": metric_words(dataset, metric),
                "d3format": metric.format,
            }
            for name, metric in dataset.description.metrics.items()
            if not metric.is_part
        ],
        "version": VERSION,
        "database_uuid": identity("database", DATABASE),
    }


def column_entry(shown: Shown) -> dict[str, Any]:
    """A column in the file."""
    return {
        "column_name": shown.column.name,
        "verbose_name": shown.label,
        "is_dttm": shown.column.type in TEMPORAL,
        "is_active": True,
        "type": shown.column.type.upper(),
        "groupby": True,
        "filterable": True,
        "description": shown.column.description,
    }
