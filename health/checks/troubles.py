"""Whether anything is held up by what does not pass by itself: what the parts themselves noted."""

from collections.abc import Sequence
from datetime import datetime

from database.recovery import sentence
from health.check import Check, no_asset
from health.context import Context
from health.findings import Finding
from health.limits import Limits
from landfall.wording import duration

TROUBLES = "select part, kind, sentence, advice, since, last_tried_at from ops.troubles order by part"

Trouble = tuple[str, str, str, str, datetime, datetime]
"""A row of ops.troubles."""


def parts_go_on(context: Context) -> list[Finding]:
    """A finding for each part that is held up; one where none is."""
    return judge(context.rows(TROUBLES), context.now, context.limits)


def judge(rows: Sequence[Trouble], now: datetime, limits: Limits) -> list[Finding]:
    """What nobody has tried for long says nothing any more: the part was stopped or killed."""
    lasting = [row for row in rows if (now - row[5]).total_seconds() < limits.troubles_tried_seconds]
    if not lasting:
        return [Finding("troubles", "landfall", (), "ok", "Nothing is held up.", "", 0.0, "seconds")]
    return [judge_one(row, now) for row in lasting]


def judge_one(row: Trouble, now: datetime) -> Finding:
    """What is to pass by itself is worth a look, what needs a person is wrong."""
    part, kind, said, advice, since, last_tried_at = row
    seconds = max((now - since).total_seconds(), 0.0)
    how = "it ended, last" if kind == "bug" else "last tried"
    ago = duration(max((now - last_tried_at).total_seconds(), 0.0))
    return Finding(
        check="troubles",
        subject=part,
        asset=(),
        severity="warn" if kind == "passing" else "error",
        message=f"Held up for {duration(seconds)}, {how} {ago} ago: {sentence(said)}",
        advice=f"{advice} It goes on by itself once that is mended.".strip(),
        value=seconds,
        unit="seconds",
    )


CHECKS = (Check("troubles", "Does every part go on by itself?", no_asset, parts_go_on, "troubles"),)
