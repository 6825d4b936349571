"""What the project relies on inside dbt: after an upgrade each difference is named here, with what hangs on it."""

import hashlib
import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest
from dbt.adapters.postgres.impl import PostgresAdapter
from dbt.artifacts.resources.types import NodeType
from dbt.artifacts.schemas.results import NodeResult
from dbt.cli.main import dbtRunner
from dbt.context.providers import ModelContext, RuntimeRefResolver
from dbt.contracts.graph.manifest import Manifest
from dbt.contracts.graph.nodes import ModelNode
from dbt_common.behavior_flags import BehaviorFlagRendered

from warehouse.dbt_manifest import read_manifest

MACROS: dict[str, dict[str, Any]] = read_manifest()["macros"]
OURS = {macro["name"] for macro in MACROS.values() if macro["package_name"] == "landfall"}
THEIRS = {macro["name"]: macro for macro in MACROS.values() if macro["package_name"] in ("dbt", "dbt_postgres")}

# Macros of dbt that the project answers in their place (dbt's name or postgres__name): (arguments, why).
OVERRIDDEN = {
    "create_csv_table": ("(model, agate_table)", "seed.sql: two first builds at once fill a seed once"),
    "reset_csv_table": ("(model, full_refresh, old_relation, agate_table)", "seed.sql: a seed is never seen empty"),
    "get_empty_schema_sql": ("(columns)", "contracts.sql: no warning of numeric"),
    "get_or_create_relation": ("(database, schema, identifier, type)", "snapshot.sql: two snapshots at once"),
    "generate_schema_name": ("(custom_schema_name=none, node=none)", "generate_schema_name.sql: schemas by layer"),
}
# Materializations of the project; dbt's own of the other names are what dbt says.
MATERIALIZATIONS = {"incremental_by_load", "view", "clone"}
# Macros of dbt that it calls: (arguments).
CALLED = {
    "apply_grants": "(relation, grant_config, should_revoke)",
    "default__create_csv_table": "(model, agate_table)",
    "default__get_empty_schema_sql": "(columns)",
    "default__reset_csv_table": "(model, full_refresh, old_relation, agate_table)",
    "get_assert_columns_equivalent": "(sql)",
    "get_table_columns_and_constraints": "()",
    "noop_statement": "(name=None, message=None, code=None, rows_affected=None, res=None)",
    "persist_docs": "(relation, model, for_relation=true, for_columns=true)",
    "run_hooks": "(hooks, inside_transaction=True)",
    "run_query": "(sql)",
    "should_full_refresh": "()",
    "statement": "(name=None, fetch_result=False, auto_begin=True, language='sql')",
}
# What the project repeats or stands in for, by md5 of its text: where one changed, see if ours still does the same.
REPEATED_MACROS = {
    "materialization_view_default": (
        "abcac5c56c8dc6ca872269da97f5ca56",
        "macros/materializations/view.sql must do all that dbt's view does",
    ),
    "materialization_clone_default": (
        "70774dea32c17eaac9d0b10627c120bf",
        "macros/materializations/clone.sql calls it for what is not ours",
    ),
    "materialization_snapshot_default": (
        "3709b16f22ce7d7648574bce1511edb6",
        "snapshot.sql: it asks get_or_create_relation for its table",
    ),
    "materialization_seed_default": (
        "18dc1539cb63e115edadc86bda513255",
        "seed.sql: it calls create_csv_table and reset_csv_table",
    ),
}
REPEATED_CODE: dict[str, tuple[Callable[..., Any], str, str]] = {
    "RuntimeRefResolver.create_relation": (
        RuntimeRefResolver.create_relation,
        "f7e642bcce2c7967f7e11d5791d655fa",
        "is_deferred in macros/progress.sql decides as it does whose relation `ref` gives",
    ),
    "ModelNode.materialization_enforces_constraints": (
        ModelNode.materialization_enforces_constraints.fget,  # type: ignore[attr-defined]
        "7f031c25effd5eb68ea4024283274525",
        "dbt_project.yml silences the warning that it gives of incremental_by_load",
    ),
    "Manifest.merge_from_artifact": (
        Manifest.merge_from_artifact,
        "532700cc7b2c2d32a30b69fe1c333287",
        "upstream_positions in macros/progress.sql reads the defer_relation that it sets, from the graph",
    ),
    "Manifest.build_flat_graph": (
        Manifest.build_flat_graph,
        "8ab83ea68c99f242d586dd5b94d2ca0c",
        "graph_node in macros/progress.sql keeps in the graph what it found there: a graph for each parsed project",
    ),
}


def arguments(macro: dict[str, Any]) -> str:
    """The list of arguments as the macro declares it."""
    found = re.search(r"\{%-?\s*macro\s+\w+\s*(\([^)]*\))", macro["macro_sql"])
    assert found, macro["name"]
    return " ".join(found[1].split())


def md5(text: str) -> str:
    return hashlib.md5(" ".join(text.split()).encode(), usedforsecurity=False).hexdigest()


def test_the_project_answers_for_these_macros_of_dbt_and_no_others() -> None:
    own_names = {name.removeprefix("postgres__") for name in OURS if name.startswith("postgres__")}
    own_names |= {name for name in OURS & THEIRS.keys() if not name.startswith("postgres__")}
    assert own_names == OVERRIDDEN.keys(), (
        "a macro of ours has a name of dbt's, which then calls ours: list it, or rename it"
    )
    made = {
        name.removeprefix("materialization_").removesuffix("_postgres") for name in OURS if name.startswith("mater")
    }
    assert made == MATERIALIZATIONS, "dbt's own incremental, table, seed and snapshot must stay what dbt users know"


@pytest.mark.parametrize("name", OVERRIDDEN)
def test_dbt_still_asks_for_what_the_project_answers(name: str) -> None:
    expected, why = OVERRIDDEN[name]
    assert name in THEIRS, f"dbt has no macro {name} any more, so ours is never called ({why})"
    assert arguments(THEIRS[name]) == expected, f"dbt calls {name} with other arguments ({why})"


@pytest.mark.parametrize("name", CALLED)
def test_dbt_still_has_what_the_project_calls(name: str) -> None:
    assert name in THEIRS, f"dbt has no macro {name} any more, which dbt_project/macros calls"
    assert arguments(THEIRS[name]) == CALLED[name], (
        f"dbt's {name} takes other arguments: look at each call in dbt_project/macros"
    )


@pytest.mark.parametrize("name", REPEATED_MACROS)
def test_macros_of_dbt_that_the_project_stands_in_for_are_as_they_were(name: str) -> None:
    known, why = REPEATED_MACROS[name]
    assert md5(THEIRS[name]["macro_sql"]) == known, f"dbt's {name} has changed: {why}"


@pytest.mark.parametrize("name", REPEATED_CODE)
def test_code_of_dbt_that_the_project_goes_by_is_as_it_was(name: str) -> None:
    code, known, why = REPEATED_CODE[name]
    assert md5(inspect.getsource(code)) == known, f"dbt's {name} has changed: {why}"


def test_python_names_of_dbt_that_the_project_uses_are_there() -> None:
    adapter = {
        "get_relation",
        "get_columns_in_relation",
        "parse_index",
        "render_raw_columns_constraints",
        "convert_type",
    }
    assert adapter - PostgresAdapter._available_ == set(), "methods of `adapter` that macros call"
    context = {
        *("graph", "flags", "load_result", "store_raw_result"),
        *("invocation_args_dict", "selected_resources", "defer_relation"),
    }
    assert context - ModelContext._context_members_.keys() == set(), "names that macros use beside documented ones"
    assert {"manifest", "callbacks"} <= inspect.signature(dbtRunner).parameters.keys(), "warehouse/dbt_session.py"
    assert "_default_source" in vars(BehaviorFlagRendered), "warehouse/dbt_session.py"
    assert {"adapter_response", "status", "message", "execution_time", "node"} <= NodeResult.__dataclass_fields__.keys()
    assert {"from_writable_manifest", "build_flat_graph"} <= set(dir(Manifest)), "warehouse/dbt_manifest.py"
    assert {"depends_on", "config", "constraints", "columns", "defer_relation"} <= ModelNode.__dataclass_fields__.keys()
    assert {kind.value for kind in (NodeType.Model, NodeType.Seed, NodeType.Snapshot)} == {"model", "seed", "snapshot"}
