"""The files of a stream, through the templates that stand beside the models they imitate."""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from dashboards.superset.description import read_descriptions
from landfall.errors import UserError
from landfall.layout import PROJECT
from landing_stream.contract import CONTRACTS, load_contracts
from new_stream.names import label_of
from new_stream.plan import Account, Column, Plan
from new_stream.quoting import as_comment_free, literal, yaml_text
from new_stream.sample import MAX_VALUE_BYTES

TEMPLATE = "new_stream"
"""Stands for the name of the stream in the names of the templates, and of the files' folders."""
FOLDERS = ("landing_stream/contracts", "dbt_project/models", "dbt_project/tests", "dashboards/superset")
WIDEST = 130
"""Characters of a line that sqlfluff allows."""


def files_of(plan: Plan, account: Account) -> dict[str, str]:
    """What is written: texts by their paths in the project."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PROJECT),
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # none of it is HTML: each text of the sample is quoted for where it stands
    )
    environment.filters.update(
        yaml=yaml_text, literal=literal, doc=as_comment_free, label=lambda column: label_of(column.field),
        described=described, seen=seen,
    )  # fmt: skip
    values = values_of(plan, account)
    return {
        path.removesuffix(".jinja").replace(TEMPLATE, plan.stream): environment.get_template(path).render(values)
        for path in templates()
    }


def templates() -> list[str]:
    """Paths of the templates in the project, in the order in which data goes through what they make."""
    return [
        str(path.relative_to(PROJECT))
        for folder in FOLDERS
        for path in sorted((PROJECT / folder).rglob("*.jinja"))
        if TEMPLATE in path.name
    ]


def values_of(plan: Plan, account: Account) -> dict[str, Any]:
    """What templates name."""
    kept = [column for column in plan.columns if column.is_kept and not column.is_time_of(plan.time)]
    by_name = {column.name: column for column in plan.columns}
    groups = [by_name[name] for name in plan.groups]
    sums, means = [by_name[name] for name in plan.sums], [by_name[name] for name in plan.means]
    keys = [plan.column(name) for name in plan.keys]
    time = plan.column(plan.time.path[0])
    return {
        "stream": plan.stream,
        "slug": plan.stream.replace("_", "-"),
        "title": label_of(plan.stream),
        "owner": f"{label_of(plan.stream)} analysts",
        "owner_email": f"{plan.stream.replace('_', '-')}@example.com",
        "board_description": f"Events of {plan.stream} by hour"
        + (f", by {' and '.join(plan.groups)}" if plan.groups else "")
        + ".",
        "columns": plan.columns,
        "time": plan.time,
        "keys": keys,
        "kept": kept,
        "kept_texts": [column for column in kept if not column.is_read],
        "kept_read": [column for column in kept if column.is_read],
        "renamed": [column for column in kept if column.is_read and column.field != column.name],
        "shown": [column for column in kept if column.identifier is None],
        "identifiers": [column for column in kept if column.identifier is not None],
        # what `landfall retention` shortens is not compared
        "compared": [column for column in kept if column.identifier is None],
        "as_texts": list(dict.fromkeys([*keys, time, *(column for column in kept if column.is_read)])),
        "groups": groups,
        "group_names": list(plan.groups),
        "group_keys": [f"{name}_key" for name in plan.groups],
        "sums": sums,
        "means": means,
        "figures": [f"{c.name}_sum" for c in sums] + [f"{c.name}_mean" for c in means],
        "number_width": 12 // (1 + len(sums) + len(means)),
        "grain": " and ".join(["hour", *plan.groups]) if len(plan.groups) < 2 else f"hour, {' and '.join(plan.groups)}",
        "key_items": key_items(keys),
        "key_text": key_text(keys),
        "key_description": key_description(plan),
        "event_time": event_time(plan, time),
        "time_text": time_text(plan, time),
        "contract_key": contract_key(plan),
        "contract_time": plan.time.path[0] if len(plan.time.path) == 1 else list(plan.time.path),
        "max_value_bytes": MAX_VALUE_BYTES,
        "days": days_of(account),
        "landed": landed,
        "text": text_of,
        "cast": cast,
        "as_text": lambda column: "::text" if column.data_type != "text" else "",
    }


def days_of(account: Account) -> int:
    """How many days a dashboard shows at first: the sample's, if these are not long ago."""
    if account.first is None:
        return 7
    return min(366 * 30, max(7, (dt.datetime.now(dt.UTC) - account.first).days + 2))


# --- SQL


def landed(column: Column) -> str:
    """A field of the landing table as Jinja: over several lines where it is long."""
    names = literal(column.field) + ("" if column.field == column.name else f", {literal(column.name)}")
    line = f"{{{{ landed({names}) }}}}"
    return line if len(line) < WIDEST - 40 else f"{{{{ landed(\n            {names}\n        ) }}}}"


def text_of(column: Column) -> str:
    """A field that stays as it is sent."""
    return landed(column)


def cast(column: Column, alone: bool = True) -> str:
    """The macro that reads a field, as it stands in a select, or inside another macro."""
    text = f"'{column.name}_text'"
    if column.kind == "time":
        assert column.notation is not None
        call = time_call(f"{text}", column.notation.unit, column.notation.format, column.zone)
    else:
        call = f"as_{'numeric' if column.kind == 'numeric' else 'boolean'}({text})"
    return f"{{{{ {call} }}}}" if alone else call


def time_call(text: str, unit: str, words: str, zone: str | None) -> str:
    """A call of the macro event_time."""
    arguments = [text, literal(unit)]
    if words:
        arguments.append(literal(words))
    if zone and zone != "UTC":
        arguments.append(f"zone={literal(zone)}")
    return f"event_time({', '.join(arguments)})"


def event_time(plan: Plan, column: Column) -> str:
    """The event time, in a call of another macro."""
    notation = plan.time.notation
    text = f"'{column.name}_text'"
    if len(plan.time.path) > 1:
        text = f"landed_member({text}, {members(plan)})"
    return time_call(text, notation.unit, notation.format, plan.time.zone)


def time_text(plan: Plan, column: Column) -> str:
    """The event time as it was sent, in a select."""
    if len(plan.time.path) == 1:
        return f"{column.name}_text"
    return f"{{{{ landed_member('{column.name}_text', {members(plan)}) }}}}"


def members(plan: Plan) -> str:
    """The path inside the object, as a list of Jinja."""
    return f"[{', '.join(map(literal, plan.time.path[1:]))}]"


def key_items(keys: list[Column]) -> str:
    """The argument of the macro event_key_of."""
    texts = [f"'{column.name}_text'" for column in keys]
    return f"[[{', '.join(texts)}]]" if len(texts) > 1 else f"[{', '.join(texts)}]"


def key_text(keys: list[Column]) -> str:
    """The key as it was sent, in a select."""
    if not keys:
        return "null::text"
    return f"{keys[0].name}_text" if len(keys) == 1 else f"{{{{ event_key_text({key_items(keys)}) }}}}"


def contract_key(plan: Plan) -> list[Any]:
    """The value of eventKey."""
    return [list(plan.keys)] if len(plan.keys) > 1 else list(plan.keys)


# --- words


def key_description(plan: Plan) -> str:
    """What an event is known by."""
    if not plan.keys:
        return "The event key, of the record's place: no field is one."
    return f"The event key, of {' and '.join(plan.column(name).name for name in plan.keys)}."


def described(column: Column) -> str:
    """What a column of the models holds."""
    words = {"numeric": "Number", "boolean": "True or false", "time": "Time", "json": "JSON", "text": "Text"}
    name = "" if column.field == column.name else f" of the field {column.field}"
    return f"{words[column.kind]}{name}, as sent." if not column.is_read else f"{words[column.kind]}{name}."


def seen(column: Column) -> str:
    """What was seen of a field in the sample: counts and types, no value."""
    profile = column.profile
    kinds = [kind for kind in ("text", "number", "boolean", "object", "list") if profile.kinds[kind]]
    missing = profile.rows - profile.present
    words = f"As {' and '.join(kinds) or 'null'} in {profile.present:,} records of the sample"
    words += f", missing in {missing:,}" if missing else ""
    return f"{words}. Personal: {column.person.why}." if column.person else f"{words}."


# --- writing


def check(plan: Plan, files: Mapping[str, str], project: Path = PROJECT) -> None:
    """Raise UserError where a file or a model of the name is there already, or the parts do not fit together."""
    for name in files:
        path = project / name
        if path.exists():
            raise UserError(
                f"{name} is there already, and new-stream overwrites nothing: choose another name for the stream."
            )
    marts = project / "dbt_project" / "models" / "marts" / plan.stream
    if marts.exists():
        raise UserError(f"{marts.relative_to(project)} is there already: choose another name for the stream.")
    known = {path.stem: path for path in (project / "dbt_project").rglob("*.sql")}
    for name in files:
        other = known.get(Path(name).stem)
        if name.endswith(".sql") and other is not None:
            raise UserError(
                f"{other.relative_to(project)} has the name that a model of the stream would have: choose another name"
                " for the stream."
            )
    with tempfile.TemporaryDirectory() as folder:
        contracts, boards = Path(folder) / "contracts", Path(folder) / "superset"
        shutil.copytree(CONTRACTS, contracts)
        shutil.copytree(project / "dashboards" / "superset", boards)
        for name, text in files.items():
            for original, copy in (("landing_stream/contracts", contracts), ("dashboards/superset", boards)):
                if name.startswith(original):
                    target = copy / Path(name).relative_to(original)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_text(text, encoding="utf-8")
        load_contracts(contracts)
        read_descriptions(boards)


def write(files: Mapping[str, str], project: Path = PROJECT) -> None:
    """Write all of them, or none. Raises UserError where the project cannot be written."""
    written: list[Path] = []
    try:
        for name, text in files.items():
            path = project / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                written.append(path)
                file.write(text)
    except OSError as error:
        remove([str(path.relative_to(project)) for path in written], project)
        raise UserError(f"{error.filename} cannot be written ({error.strerror}); nothing is left of it.") from error


def remove(names: list[str], project: Path = PROJECT) -> None:
    """Take back what was written, with folders that are empty then."""
    for name in names:
        path = project / name
        path.unlink(missing_ok=True)
        if path.parent.name in name and not any(path.parent.iterdir()):
            path.parent.rmdir()
