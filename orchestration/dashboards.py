"""Dashboards behind the marts, as dbt's exposures say: what people look at when a mart is late."""

import dagster as dg

from orchestration.manifest import Manifest, layer

GROUP = "dashboards"


def dashboard_assets(manifest: Manifest) -> list[dg.AssetSpec]:
    """One asset a dashboard. They are external: a dashboard asks the marts at each look, and nothing makes it."""
    nodes = manifest["nodes"]
    return [
        dg.AssetSpec(
            dg.AssetKey([GROUP, exposure["name"].removesuffix("_dashboard")]),
            deps=[dg.AssetKey([layer(nodes[key]), nodes[key]["alias"]]) for key in exposure["depends_on"]["nodes"]],
            description=exposure["description"],
            group_name=GROUP,
            kinds={"dashboard"},
            owners=[exposure["owner"]["email"]],
            metadata={"dashboard": dg.MetadataValue.url(exposure["url"])},
        )
        for exposure in sorted(manifest["exposures"].values(), key=lambda each: str(each["name"]))
        if exposure["type"] == "dashboard"
    ]
