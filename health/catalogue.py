"""Every check by name, with what it asks, and what it is asked of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from health.checks.kpis import COUNTS, PAYMENT_MART, WITH_BOTS

STREAM_CHECKS = {
    "landing_lag": "Do records land soon after they came to Kafka?",
    "landing_stopped": "Does anything land while records wait?",
    "gaps": "Did Kafka delete records before they could land?",
    "arrival": "Has the stream delivered within its expected time?",
    "quarantine_share": "Can nearly all new records be landed?",
    "quarantine_waiting": "Is the quarantine nearly empty?",
    "reconciliation": "Is every landed record accounted for: in the fact, rejected, or a duplicate?",
    "events_set_apart": "Could the models read every event?",
    "rejected_share": "Do nearly all new records have a key and a usable time?",
    "conflicting_duplicates": "Do records that repeat a key say the same?",
    "odd_values": "Can nearly all values be read as what they are meant to be?",
}
"""Asked of every stream."""
SHOP_CHECKS = {
    "unmapped_hosts": "Is every host that events come from known?",
    "unknown_event_types": "Is every event type known?",
}
"""Asked of stream product_views."""
MART_CHECKS = {"data_age": "Does it show what landed longer than a minute ago?"}
"""Asked of every KPI table and fact."""
KPI_CHECKS = {
    **{f"usual_{name}": f"Are there as many {what} as is usual at this hour?" for name, what in COUNTS.values()},
    "bot_share": "Are bots no more than is usual?",
    "payment_errors": "Does paying work?",
}
"""Asked of one mart each, or of two."""
WHOLE_CHECKS = {
    "dbt_runs": "Was every model built at its last run?",
    "dbt_tests": "Does every dbt test pass, and were they run lately?",
    "services": "Do the services of `landfall serve` stay up?",
    "troubles": "Does every part go on by itself?",
    "waits": "Does nothing wait long for a lock?",
    "texts_set_apart": "Can every user agent, address and referrer be judged?",
    "enricher": "Does the process that enriches beside the landing keep running?",
    "reporting_timezone": "Are the marts counted in the zone that is set?",
    "health": "Could every check be made?",
}
"""Asked of the warehouse as a whole; of no asset."""

CHECKS = {**STREAM_CHECKS, **SHOP_CHECKS, **MART_CHECKS, **KPI_CHECKS, **WHOLE_CHECKS}


@dataclass(frozen=True)
class Asked:
    """A check of an asset."""

    check: str
    asset: tuple[str, ...]
    question: str


def asked_of_assets(streams: Iterable[str], marts: Iterable[str]) -> Sequence[Asked]:
    """Every check that is shown on an asset, for these streams and these tables of schema marts."""
    found = [
        Asked(check, ("landing", stream), question) for stream in streams for check, question in STREAM_CHECKS.items()
    ]
    found += [Asked(check, ("landing", "product_views"), question) for check, question in SHOP_CHECKS.items()]
    found += [Asked(check, ("marts", mart), question) for mart in marts for check, question in MART_CHECKS.items()]
    for mart, (name, _) in COUNTS.items():
        found.append(Asked(f"usual_{name}", ("marts", mart), KPI_CHECKS[f"usual_{name}"]))
    found += [Asked("bot_share", ("marts", mart), KPI_CHECKS["bot_share"]) for mart in WITH_BOTS]
    return [*found, Asked("payment_errors", ("marts", PAYMENT_MART), KPI_CHECKS["payment_errors"])]
