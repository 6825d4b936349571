"""What README.md, docs/ and the rooms' READMEs name is there: commands with their options, targets of make, settings,
tables, metrics, and whatever a link leads to.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from cli.main import group
from landfall.layout import PROJECT
from landfall.settings_table import names
from landing_stream.contract import load_contracts
from manual import reference
from monitoring.catalogue import CATALOGUE
from warehouse.dbt_manifest import read_manifest

PAGES = sorted(
    {
        *PROJECT.glob("*.md"),
        *PROJECT.glob("docs/**/*.md"),
        *PROJECT.glob("[a-z]*/README.md"),
        PROJECT / "dbt_project" / "WALKTHROUGH.md",
    }
)
NAMES = [str(page.relative_to(PROJECT)) for page in PAGES]
FENCED = re.compile(r"^[ \t]*```.*?\n(.*?)^[ \t]*```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(?<!\\)`([^`]+)`")
LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)\)")
COMMAND = re.compile(r"(?:^|&& |; |\$ )(?:\.venv/bin/)?(landfall|make)(?= |$)([^|;&#\n]*)", re.MULTILINE)
PLACEHOLDER = re.compile(r"[A-Z][A-Z_0-9]*|…|\.\.\.|DIR_OR_\w+")


def code(page: Path) -> Iterator[str]:
    """Blocks and spans of code."""
    text = page.read_text(encoding="utf-8")
    blocks = (block.replace("\\\n", " ") for block in FENCED.findall(text))
    yield from (re.sub(r"(^|\s)#.*$", "", block, flags=re.MULTILINE) for block in blocks)
    yield from (" ".join(span.split()) for span in SPAN.findall(FENCED.sub("", text)))


def commands(page: Path, program: str) -> list[list[str]]:
    """Arguments of each call of the program that the page shows."""
    found = [call for part in code(page) for call in COMMAND.findall(part)]
    return [shlex.split(arguments) for name, arguments in found if name == program]


def wrong_in(arguments: list[str]) -> list[str]:
    """What `landfall` does not know of these arguments."""
    command: click.Command = group
    context = click.Context(group)
    for argument in arguments:
        if argument.startswith("-"):
            name = argument.partition("=")[0]
            known = {option for each in command.get_params(context) for option in (*each.opts, *each.secondary_opts)}
            if name not in {*known, "--help", "-h"}:
                return [f"{command.name} {name}"]
        elif isinstance(command, click.Group) and not PLACEHOLDER.fullmatch(argument):
            names = argument.split("/")  # `quarantine list/show/replay`
            beneath = [command.get_command(context, name) for name in names]
            if None in beneath:
                return [f"{command.name} {argument}"]
            command = beneath[-1] or command
            context = click.Context(command)
    return []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_command_is_one_with_options_that_it_has(page: Path) -> None:
    assert [wrong for arguments in commands(page, "landfall") for wrong in wrong_in(arguments)] == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_target_of_make_is_one(page: Path) -> None:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = {word for arguments in commands(page, "make") for word in arguments if re.fullmatch(r"[a-z-]+", word)}
    assert named - targets == set()


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_variable_is_a_setting(page: Path) -> None:
    elsewhere = [
        PROJECT / ".env.example",
        PROJECT / "docker-compose.yml",
        *(PROJECT / "dashboards" / "grafana").rglob("*.yml"),
    ]
    known = names()
    known |= {name for path in elsewhere for name in re.findall(r"LANDFALL_\w+", path.read_text(encoding="utf-8"))}
    named = re.findall(r"LANDFALL_[A-Z0-9_]+(?![A-Z0-9_]*…)", page.read_text(encoding="utf-8"))
    assert {name for name in named if not name.endswith("_")} - known == set()


def tables_there_are() -> set[str]:
    """Every relation that dbt, a migration or a contract makes, and every function of a migration."""
    manifest = read_manifest()
    nodes = [*manifest["nodes"].values(), *manifest["sources"].values()]
    found = {f"{node['schema']}.{node.get('alias') or node['name']}" for node in nodes}
    for path in (PROJECT / "database" / "migrations").glob("*.sql"):
        found |= set(re.findall(r"create (?:table|view|function) (\w+\.\w+)", path.read_text(encoding="utf-8")))
    return found | {f"landing.{stream}" for stream in load_contracts()} | {"ops.migrations"}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_table_is_one(page: Path) -> None:
    schemas = "marts|ops|staging|intermediate|landing|enrichment|reference"
    named = {name for part in code(page) for name in re.findall(rf"\b((?:{schemas})\.[a-z_0-9]+)\b(?![./(*])", part)}
    of_the_examples = {
        "landing.door_openings",
        "landing.host_of",
        "landing.address_of",
        "marts.fct_doors",
        "marts.kpi_doors_hourly",
    }
    files = {name for name in named if re.search(r"\.(md|py|sql|yml|yaml)$", name)}
    modules = {name for name in named if (PROJECT / name.replace(".", "/")).with_suffix(".py").is_file()}
    assert named - files - modules - of_the_examples - tables_there_are() == set()


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_metric_is_served(page: Path) -> None:
    named = re.findall(r"\blandfall_[a-z_]+", "\n".join(code(page)))
    ours = [name for name in named if not name.startswith("landfall_admin")]
    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in ours} - set(CATALOGUE) == set()


def anchor(heading: str) -> str:
    """A heading's, as code hosts make it."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    for target in LINK.findall(text):
        if "://" in target:
            continue
        name, _, wanted = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), target
        if wanted:
            headings = re.findall(r"^#+ (.*)$", FENCED.sub("", path.read_text(encoding="utf-8")), re.MULTILINE)
            assert wanted in map(anchor, headings), target


def test_every_page_is_in_the_navigation() -> None:
    class Loader(yaml.SafeLoader):
        """One that passes over what mkdocs has Python make."""

    Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)
    navigation = yaml.load((PROJECT / "mkdocs.yml").read_text(encoding="utf-8"), Loader)["nav"]
    named = set(re.findall(r"[\w/.-]+\.md", str(navigation)))
    there = {name.removeprefix("docs/") for name in NAMES if name != "README.md"}
    assert there | {"index.md"} == named


def test_the_reference_says_what_the_product_is(tmp_path: Path) -> None:
    reference.write(tmp_path)
    said = {path.stem: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert all(f"## landfall {name}" in said["commands"] for name in group.list_commands(click.Context(group)))
    assert "## landfall quarantine replay" in said["commands"]
    assert "| `LANDFALL_TRIGGER_SECONDS` | `1` |" in said["settings"]
    assert "### marts.kpi_products_daily\n" in said["tables"]
    assert "| `human_views` |" in said["tables"]
    assert all(f"| `{name}` |" in said["metrics"] for name in CATALOGUE)
    assert "| `data_age` |" in said["checks"]
    assert "each KPI table and fact" in said["checks"]
    assert "| `data_age_warn_seconds` | 60 | Age of" in said["limits"]
    assert "| `kafka_retention` |" in said["doctor"]
    assert "| `disk_free_bytes_warn` | 10 GiB |" in said["bounds"]
    assert "| `bot_share` |" in said["questions"]
    asked_for = re.findall(r"<!-- reference: (\w+) -->", "".join(p.read_text(encoding="utf-8") for p in PAGES))
    assert sorted(asked_for) == sorted(said)


@pytest.mark.parametrize(
    ("call", "wrong"),
    [
        ("refresh --from 2026-03-01 --to 2026-03-28", []),
        ("quarantine list/show/replay", []),
        ("refresh --since 2026-03-01", ["refresh --since"]),
        ("refreshes", ["cli refreshes"]),
        ("quarantine drop", ["quarantine drop"]),
    ],
)
def test_a_wrong_command_is_found(call: str, wrong: list[str]) -> None:
    assert [found.replace("group ", "cli ").replace("None ", "cli ") for found in wrong_in(call.split())] == wrong
