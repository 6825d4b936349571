"""Groups of assets as data flows: kafka, landing, enrichment, staging, facts, intermediate, marts, charts, exports,
dashboards."""

from orchestration.manifest import Manifest, Node, layer

FACTS = "facts"


def fact_models(manifest: Manifest) -> frozenset[str]:
    """Unique ids of the facts and of every intermediate model that one of them is made of.

    By layers alone the graph would go back and forth: what marts are counted from reads facts, which are marts.
    """
    nodes = manifest["nodes"]
    waiting = [key for key, node in nodes.items() if is_model(node) and node["config"]["meta"].get("kind") == "fact"]
    found: set[str] = set()
    while waiting:
        key = waiting.pop()
        if key not in found:
            found.add(key)
            waiting += [parent for parent in nodes[key]["depends_on"]["nodes"] if is_intermediate(nodes.get(parent))]
    return frozenset(found)


def is_intermediate(node: Node | None) -> bool:
    """Whether it is a model of that layer."""
    return node is not None and is_model(node) and layer(node) == "intermediate"


def is_model(node: Node) -> bool:
    """Whether it is one of dbt's models."""
    return bool(node["resource_type"] == "model")


def group_of(node: Node, facts: frozenset[str]) -> str:
    """The group of a model, seed, snapshot or source: its schema, or facts."""
    if node["resource_type"] == "source":
        return str(node["schema"])
    return FACTS if node["unique_id"] in facts else layer(node)
