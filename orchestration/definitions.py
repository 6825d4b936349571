"""What Dagster loads: `dagster dev` finds this module through pyproject.toml."""

import dagster as dg

from landing_stream.contract import load_contracts
from orchestration.alerts import alerts
from orchestration.charts import charts_definitions
from orchestration.dashboards import dashboard_assets
from orchestration.dbt_jobs import dbt_jobs_definitions
from orchestration.enrichment import enrichment_assets
from orchestration.exports import exports_definitions
from orchestration.groups import fact_models
from orchestration.health import health_definitions
from orchestration.landing_sensor import landing_ledger
from orchestration.lost_runs import living_executor, lost_runs
from orchestration.manifest import with_reads
from orchestration.models import dbt_resource, warehouse_assets
from orchestration.reference_sensor import reference_sensor
from orchestration.refresh import refresh, refresh_sensor
from orchestration.repair import repair_definitions
from orchestration.retention import retention_definitions
from orchestration.streams import stream_assets
from orchestration.translator import WarehouseTranslator, reference_assets
from warehouse.dbt_manifest import read_manifest

manifest = with_reads(read_manifest())
translator = WarehouseTranslator(fact_models(manifest))
models = warehouse_assets(manifest, translator)
enrichment = enrichment_assets(manifest, translator)
reference = reference_assets(manifest, translator, models.keys | enrichment.keys)

defs = dg.Definitions.merge(
    dg.Definitions(assets=[*stream_assets(load_contracts().values()), enrichment, *reference]),
    dg.Definitions(assets=[models], resources={"dbt": dbt_resource()}),
    dg.Definitions(jobs=[refresh], sensors=[refresh_sensor(manifest)]),
    dbt_jobs_definitions(enrichment, models),
    repair_definitions(manifest),
    retention_definitions(),
    charts_definitions(),
    dg.Definitions(assets=dashboard_assets(manifest)),
    health_definitions(manifest),
    exports_definitions(manifest),
    dg.Definitions(sensors=[landing_ledger, reference_sensor(reference), lost_runs, alerts]),
    dg.Definitions(executor=living_executor),
)
