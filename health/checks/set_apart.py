"""Whether every event could be counted: those on which a model failed are set apart, and wait for a mended model."""

from collections.abc import Sequence
from datetime import datetime

from health.check import Check, every_stream
from health.context import Context
from health.findings import Finding
from landfall.wording import at_utc, counted, listed

SET_APART = """
select model, count(*), min(reason), max(set_apart_at) from ops.events_set_apart
where stream = %(stream)s
group by 1 order by 2 desc, 1
"""

SetApart = tuple[str, int, str, datetime]
"""(model, how many events, one of the reasons, when last)."""


def models_read_every_event(context: Context) -> list[Finding]:
    """A finding for every stream."""
    return [judge(stream, context.rows(SET_APART, stream=stream)) for stream in context.contracts]


def judge(stream: str, rows: Sequence[SetApart]) -> Finding:
    """Events that are set apart, by the model that failed on them."""
    events = sum(number for _, number, *_ in rows)
    last = max((when for *_, when in rows), default=None)
    models = [f"{model} {number:,} ({reason})" for model, number, reason, _ in rows]
    return Finding(
        check="events_set_apart",
        subject=stream,
        asset=("landing", stream),
        severity="warn" if rows else "ok",
        message=(
            f"Models failed on {counted(events, 'event')}, set apart since: {listed(models)}; last at {at_utc(last)}."
            if last is not None
            else "No model failed on an event."
        ),
        advice=(
            "No mart counts them. ops.events_set_apart says which they are, landing has them as sent. Mend the model,"
            " then `landfall refresh --retry-set-apart`."
            if rows
            else ""
        ),
        value=events,
        unit="events",
    )


CHECKS = (
    Check("events_set_apart", "Could the models read every event?", every_stream, models_read_every_event, "set_apart"),
)
