"""What a description of a dashboard may say, and its reading: datasets.yaml, datasets/ and boards/ in this folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from landfall.errors import UserError

FOLDER = Path(__file__).parent

Kind = Literal["number", "table", "lines", "bars", "ranking", "map", "funnel", "triangle"]
Aggregate = Literal["sum", "max", "count_distinct", "ratio"]


class Part(BaseModel):
    """A part of a description: a key that is not known is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Described = TypeVar("Described", bound=Part)


class Computed(Part):
    """A column that a dataset adds: SQL with the model's columns in braces, `{dim_job.title}` for a joined one."""

    sql: str
    type: Literal["text", "date", "timestamp", "bigint", "numeric"]
    label: str
    description: str


class Join(Part):
    """A dimension whose columns `computed` may name."""

    model: str
    by: str
    """Column of both that it is found by."""


class Metric(Part):
    """A figure: one aggregate of a column, or SQL with columns in braces and other metrics in brackets."""

    label: str
    description: str = ""
    """As dbt says it of the column where this is empty."""
    sum: str | None = None
    max: str | None = None
    count_distinct: str | None = None
    ratio: tuple[str, str] | None = None
    """Sum of one column over the sum of another."""
    sql: str | None = None
    where: str | None = None
    """Condition on the rows of `sum`, `max`, `count_distinct`, `ratio`; columns in braces."""
    format: str = ",d"
    """In d3's language."""
    is_part: bool = False
    """Whether it only serves other metrics."""

    @model_validator(mode="after")
    def has_one_meaning(self) -> Self:
        """Refuse a metric of none or of two meanings."""
        given = [name for name in ("sum", "max", "count_distinct", "ratio", "sql") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"say one of sum, max, count_distinct, ratio, sql; here is {', '.join(given) or 'none'}")
        return self


class Dataset(Part):
    """A model of the marts as charts read it. Descriptions of tables and columns are dbt's."""

    model: str
    day: str | None = "event_date"
    """Column that the day range chooses by; null where there is none."""
    text: tuple[str, ...] = ()
    """Columns that are numbers and mean names: shown digit by digit."""
    without: tuple[str, ...] = ()
    """Columns of the model that are left out."""
    people: dict[str, str | None] = {}
    """By column, the one that leaves bots out, or null. Each row then comes twice, as `all traffic` and `people`."""
    joins: tuple[Join, ...] = ()
    local: dict[str, str] = {}
    """By name, the column (an instant) that it shows on the clock of the reporting time zone."""
    computed: dict[str, Computed] = {}
    currency: str | None = None
    """Column that names the currency of a row's amount."""
    labels: dict[str, str] = {}
    """By column, its name for people; else made of the column's own."""
    metrics: dict[str, Metric] = {}


class Chart(Part):
    """One chart."""

    name: str
    kind: Kind
    dataset: str
    metrics: tuple[str, ...] = Field(min_length=1)
    by: tuple[str, ...] = ()
    """Columns whose values make rows, series or steps; of a triangle its rows and its columns."""
    x: str | None = None
    """Column along the axis, of lines and bars."""
    only: dict[str, str | int | bool] = {}
    """Column and the value that its rows have."""
    subtitle: str
    """Unit and what it is of; `{zone}` is the reporting time zone."""
    description: str
    """One or two sentences: what it shows, and what to do where it is empty."""
    in_days: bool = True
    """Whether the day range applies."""
    sort: str | None = None
    """Metric that orders rows; the first of `metrics` else."""
    ascending: bool = False
    limit: int = 100
    stacked: bool = False
    drills: bool = False
    """Whether a click on a row filters the other charts."""
    bars: bool = True
    """Whether a table draws its figures as bars in the cells."""
    width: Annotated[int, Field(ge=1, le=12)] = 6


class Row(Part):
    """Charts beside each other; widths add up to at most 12."""

    height: int
    """In Superset's grid units of 8 pixels."""
    charts: tuple[Chart, ...]

    @model_validator(mode="after")
    def fits(self) -> Self:
        """Refuse a row that is too wide."""
        if sum(chart.width for chart in self.charts) > 12:
            raise ValueError("the charts of a row are wider than 12 columns together")
        return self


class Section(Part):
    """Rows under one heading."""

    title: str
    rows: tuple[Row, ...]


class Filter(Part):
    """A choice of values of one column; it applies to each chart whose dataset has that column."""

    name: str
    dataset: str
    """Whose values are offered."""
    column: str
    description: str
    default: tuple[str, ...] = ()
    one: bool = False
    """Whether exactly one value is chosen, always."""
    within: tuple[str, ...] = ()
    """Names of filters that narrow what is offered."""


class Owner(Part):
    """Who answers for a dashboard."""

    name: str
    email: str


class Board(Part):
    """A dashboard."""

    title: str
    slug: str
    description: str
    owner: Owner
    empty: str = Field(pattern=r"^[^\"\\\n]+$")
    """What a chart without rows says to do."""
    days: int = Field(default=7, ge=1)
    """How many days are chosen at first; 1 is today."""
    filters: tuple[Filter, ...] = ()
    sections: tuple[Section, ...]

    @property
    def charts(self) -> list[Chart]:
        """In the order they stand in."""
        return [chart for section in self.sections for row in section.rows for chart in row.charts]


class Descriptions(Part):
    """All that this folder describes."""

    datasets: dict[str, Dataset]
    boards: dict[str, Board]
    """By the name of the file, without .yaml."""


def read_descriptions(folder: Path = FOLDER) -> Descriptions:
    """Read datasets.yaml, datasets/*.yaml (those of a stream of one's own) and boards/*.yaml of a folder.

    Raises UserError, which names file and key, for a file that is no YAML, a key that is not known or missing, a name
    that is there twice, and a chart or filter of a dataset or metric that is not described.
    """
    datasets: dict[str, Dataset] = {}
    for path in (folder / "datasets.yaml", *sorted((folder / "datasets").glob("*.yaml"))):
        for name, value in read_mapping(path).items():
            if name in datasets:
                raise UserError(f"{path.name}: {name}: there is another dataset of the name; rename one.")
            datasets[name] = checked(Dataset, value, f"{path.name}: {name}")
    boards = {
        path.stem: checked(Board, read_mapping(path), path.name) for path in sorted((folder / "boards").glob("*.yaml"))
    }
    for name, board in boards.items():
        check_names(f"{name}.yaml", board, datasets)
    return Descriptions(datasets=datasets, boards=boards)


def read_mapping(path: Path) -> Mapping[str, Any]:
    """A YAML file of keys. Raises UserError where it is none."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path} cannot be read: {' '.join(str(error).split())}.") from error
    if not isinstance(found, dict):
        raise UserError(f"{path} holds no keys: write `key: value` lines.")
    return found


def checked(kind: type[Described], value: Any, where: str) -> Described:
    """The value as a part of a description. Raises UserError, which names the key."""
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        # a key that is not known is more often the mistake than the one that is then missing
        first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
        key = ".".join(map(str, first["loc"])) or "the whole"
        raise UserError(f"{where}: {key}: {first['msg']}.") from error


def check_names(where: str, board: Board, datasets: Mapping[str, Dataset]) -> None:
    """Raise UserError where a board names what is not described, or two things alike."""
    names = [chart.name for chart in board.charts]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"{where}: two charts are named {name!r}: a chart is known by its name.")
    for chart in board.charts:
        dataset = datasets.get(chart.dataset)
        if dataset is None:
            raise UserError(f"{where}: chart {chart.name!r}: dataset {chart.dataset!r} is not in datasets.yaml.")
        for metric in (*chart.metrics, *([chart.sort] if chart.sort else [])):
            if metric not in dataset.metrics:
                raise UserError(f"{where}: chart {chart.name!r}: dataset {chart.dataset!r} has no metric {metric!r}.")
    for each in board.filters:
        if each.dataset not in datasets:
            raise UserError(f"{where}: filter {each.name!r}: dataset {each.dataset!r} is not in datasets.yaml.")
        for parent in each.within:
            if parent not in {other.name for other in board.filters}:
                raise UserError(f"{where}: filter {each.name!r}: there is no filter {parent!r}.")
