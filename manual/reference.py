"""The parts of the reference that the product says itself: `python -m manual.reference FOLDER` writes each as Markdown.

manual/site.py puts them into the pages of docs/reference/. They are made at each build and committed nowhere, so that
they cannot be of another release. Links in them are written as from the root of the repository.
"""

import ast
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from cli.main import SECTIONS, group
from health.checks import CHECKS
from health.doctor import CHECKS as OF_THE_DOCTOR
from health.doctor.bounds import Bounds
from health.limits import Limits
from landfall.settings_table import declared, table
from landing_stream.contract import Field, load_contracts
from monitoring.catalogue import CATALOGUE
from warehouse.catalogue import Catalogue, catalogue_of
from warehouse.dbt_manifest import read_manifest

WIDTH = 100
"""Columns of a command's help."""
SCHEMAS = {
    "marts": "What people read.",
    "ops": "What became of the records, how new the tables are, what is odd, and what the product notes of itself.",
    "intermediate": "Beneath the marts: rejected events, facts, counts. No promise is made of these.",
    "staging": "One view a stream: fields cast, nothing dropped.",
}
"""Of dbt's models, in the order of the page."""
KINDS = ("kpi", "latest", "fact", "dimension")
"""Of marts, in the order of the page."""
SOURCES = {
    "landing": "Events as they were sent, the ledger and the quarantine.",
    "enrichment": "What user agents, addresses and referrers mean.",
    "reference": "Master data, as loaded.",
}


def commands() -> str:
    """Each command's help, in the order of `landfall --help`."""
    names = [name for section in SECTIONS.values() for name in section]
    context = click.Context(group, info_name="landfall", terminal_width=WIDTH)
    listed = sorted(group.list_commands(context), key=lambda name: names.index(name) if name in names else len(names))
    return "\n".join(part for name in listed for part in helps(context, name))


def helps(above: click.Context, name: str) -> Iterator[str]:
    """The help of a command, and of those beneath it."""
    assert isinstance(above.command, click.Group)
    command = above.command.get_command(above, name)
    assert command is not None
    context = click.Context(command, parent=above, info_name=name, terminal_width=WIDTH)
    yield f"## {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for beneath in command.list_commands(context):
            yield from helps(context, beneath)


def settings() -> str:
    """Every variable that sets something."""
    return table(declared())


def tables() -> str:
    """Every table and view with its columns: dbt's models by schema, then its sources."""
    manifest = read_manifest()
    models = sorted(of_type(manifest, "model"), key=place)
    parts = []
    for schema, sentence in SCHEMAS.items():
        parts.append(f"## Schema {schema}\n\n{sentence}\n")
        parts += [described(schema, node) for node in models if node["config"]["schema"] == schema]
    for schema, sentence in SOURCES.items():
        parts.append(f"## Schema {schema}\n\n{sentence}\n")
        parts += [described(schema, node) for node in manifest["sources"].values() if node["schema"] == schema]
    return "\n".join(parts)


def place(node: Mapping[str, Any]) -> tuple[int, str, str]:
    """Where a model stands on the page: by what it is to its readers, by its folder, by its name."""
    kind = node["config"]["meta"].get("kind")
    return KINDS.index(kind) if kind in KINDS else len(KINDS), node["path"].rpartition("/")[0], node["name"]


def of_type(manifest: Mapping[str, Any], resource_type: str) -> Iterator[dict[str, Any]]:
    """dbt's nodes of a type."""
    return (node for node in manifest["nodes"].values() if node["resource_type"] == resource_type)


def described(schema: str, node: Mapping[str, Any]) -> str:
    """A table, with what dbt knows of it."""
    columns = [
        (f"`{column['name']}`", column["data_type"] or "", column["description"]) for column in node["columns"].values()
    ]
    shown = in_rows(("column", "type", "meaning"), columns or fields(schema, node["name"]))
    return f"### {schema}.{node['name']}\n\n{node['description'].strip()}\n\n{shown}"


def fields(schema: str, name: str) -> list[tuple[str, str, str]]:
    """Of a landing table, the fields of its stream's contract; no rows for any other table."""
    contract = load_contracts().get(name) if schema == "landing" else None
    if contract is None:
        return []
    return [(f"`{field.column}`", "text", of_field(field)) for field in contract.fields]


def of_field(field: Field) -> str:
    """What a field holds, and its name in the record where its column has another."""
    return field.description if field.column == field.name else f"{field.description} Field `{field.name}`."


def metrics() -> str:
    """What `landfall metrics` serves."""
    rows = [(f"`{name}`", one.kind, ", ".join(one.labels) or "–", one.meaning) for name, one in CATALOGUE.items()]
    return in_rows(("name", "kind", "labels", "meaning"), rows)


def questions() -> str:
    """The metrics of dbt's semantic layer, for MetricFlow."""
    found = sorted(read_manifest()["metrics"].values(), key=lambda metric: metric["name"])
    return in_rows(("metric", "meaning"), [(f"`{one['name']}`", one["description"]) for one in found])


def checks() -> str:
    """What is asked of the system at every evaluation, and of what."""
    catalogue, streams = catalogue_of(read_manifest()), list(load_contracts())
    rows = [
        (f"`{name}`", check.question, asked_of(check.scope(streams, catalogue), streams, catalogue))
        for name, check in CHECKS.items()
    ]
    return in_rows(("check", "asks", "of"), rows)


def doctor() -> str:
    """What `landfall doctor` looks at, how long each may take, and what has to be well for it."""
    rows = [
        (f"`{name}`", check.looks_at, f"{check.seconds:g} s", ", ".join(f"`{need}`" for need in check.needs) or "–")
        for name, check in OF_THE_DOCTOR.items()
    ]
    return in_rows(("check", "looks at", "bound", "needs"), rows)


def asked_of(assets: Iterable[tuple[str, ...]], streams: list[str], catalogue: Catalogue) -> str:
    """The assets of a check, in few words."""
    names = [".".join(asset) for asset in assets]
    if not names:
        return "the system as a whole"
    if names == [f"landing.{stream}" for stream in streams]:
        return "each stream"
    judged = {model.relation for model in catalogue if model.kind in ("kpi", "fact")}
    return "each KPI table and fact" if set(names) == judged else ", ".join(f"`{name}`" for name in names)


def limits() -> str:
    """Every bound of the checks, as LANDFALL_HEALTH_LIMITS may change it."""
    return figures(Limits, "default", lambda figure: f"{figure:g}")


def bounds() -> str:
    """Every bound of the doctor."""
    return figures(Bounds, "figure", plain)


def figures(declared_in: type[Any], heading: str, shown: Callable[[float], str]) -> str:
    """Each field of a dataclass of figures, with the string beneath it."""
    meanings = docstrings(declared_in)
    defaults = vars(declared_in())
    rows = [(f"`{name}`", shown(default), meanings.get(name, "")) for name, default in defaults.items()]
    return in_rows(("bound", heading, "meaning"), rows)


def plain(figure: float) -> str:
    """A figure as a person reads it: sizes in their unit."""
    for size, unit in ((2**30, "GiB"), (2**20, "MiB")):
        if figure >= size and figure % size == 0:
            return f"{figure // size:g} {unit}"
    return f"{figure:,g}" if figure < 1_000_000 else f"{figure:g}"


def docstrings(described_class: type[Any]) -> dict[str, str]:
    """By field, the string beneath it."""
    (body,) = ast.parse(inspect.getsource(described_class)).body
    assert isinstance(body, ast.ClassDef)
    found = {}
    for statement, below in zip(body.body, body.body[1:], strict=False):
        if isinstance(statement, ast.AnnAssign) and isinstance(below, ast.Expr):
            assert isinstance(statement.target, ast.Name)
            found[statement.target.id] = ast.literal_eval(below.value)
    return found


def in_rows(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table in Markdown; nothing for no rows."""
    lines = ["| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in row) + " |" for row in rows]
    if not lines:
        return ""
    return "\n".join(["| " + " | ".join(header) + " |", "|---" * len(header) + "|", *lines]) + "\n"


PARTS: dict[str, Callable[[], str]] = {
    part.__name__: part for part in (commands, settings, tables, metrics, questions, checks, limits, doctor, bounds)
}
"""By the name that a page of docs/reference asks for it."""


def write(folder: Path) -> None:
    """Every part into a file of its name. Raises UserError when the dbt project is not parsed, or stale."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in PARTS.items():
        (folder / f"{name}.md").write_text(part(), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
