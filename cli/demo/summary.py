"""The end of a demo in words."""

from collections.abc import Mapping

from cli.demo.observer import View
from cli.demo.reconcile import Account
from cli.demo.refreshes import Refreshes
from cli.demo.screen import seconds
from landfall.wording import aligned


def account_lines(account: Account, latency: Mapping[str, list[float] | None], refreshes: Refreshes) -> list[str]:
    """The final account as a table and a few sentences. `latency`: p50 and p95 (s) by stream."""
    rows: list[tuple[str, ...]] = [("stream", "produced", "landed", "quarantined", "lost", "doubled", "p50", "p95")]
    for stream in account.streams:
        p50, p95 = latency.get(stream.stream) or (None, None)
        counts = (stream.produced, stream.landed, stream.quarantined, stream.lost, stream.doubled)
        rows.append((stream.stream, *(f"{count:,}" for count in counts), seconds(p50), seconds(p95)))
    lines = [*aligned(rows), ""]
    for stream in account.streams:
        lines.append(
            f"{stream.stream}: {stream.landed:,} landed = {stream.in_fact:,} in the fact"
            f" + {stream.duplicates:,} duplicates + {stream.rejected:,} rejected"
        )
    lines.append("KPI rows: " + ", ".join(f"{name} {count:,}" for name, count in account.kpi_rows.items()))
    lines.append(refresh_line(refreshes))
    lines.append("p50, p95: seconds from produced to landed, once each stream's first load had warmed Spark up.")
    return lines


def stopped_lines(view: View) -> list[str]:
    """What was there when the demo was stopped."""
    rows: list[tuple[str, ...]] = [("stream", "produced", "landed", "quarantined", "lag")]
    for stream in view.streams:
        counts = (stream.produced, stream.landed, stream.quarantined, stream.lag)
        rows.append((stream.stream, *(f"{count:,}" for count in counts)))
    lines = [*aligned(rows), "", refresh_line(view.refreshes)]
    if any(stream.lag for stream in view.streams):
        lines.append("What has not landed waits in Kafka: the next `landfall demo` or `landfall land` lands it first.")
    return lines


def refresh_line(refreshes: Refreshes) -> str:
    """How often the models were refreshed, and how long it took."""
    if not refreshes.seconds:
        return "Refreshes of the models: none yet"
    middle = sorted(refreshes.seconds)[len(refreshes.seconds) // 2]
    return (
        f"Refreshes of the models: {len(refreshes.seconds)}, half of them within {middle:.1f} s,"
        f" {len(refreshes.failures)} failed"
    )
