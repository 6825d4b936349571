"""One evaluation's alerts: what is wrong is remembered, and every channel hears what it has not heard yet."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from health.alerts import Alert, Rules, Trouble, mark_told, news_for, observe, still_needed
from health.notify import Channel, NotDelivered

logger = logging.getLogger(__name__)

Keep = Callable[[Sequence[Alert]], None]


def tell(
    known: Sequence[Alert],
    troubles: Sequence[Trouble],
    channels: Sequence[Channel],
    now: datetime,
    rules: Rules,
    keep: Keep,
) -> list[str]:
    """Observe, send, and keep what was told; returns a line for each message sent or not delivered.

    `keep` stores the alerts, before the first message and after each: a process that ends in between repeats one
    message at most, and loses none.
    """
    alerts = observe(known, troubles, now, rules)
    keep(alerts)
    lines = []
    for channel in channels:
        news = news_for(channel.name, alerts, now, rules)
        if not news:
            continue
        try:
            channel.send(news, now)
        except NotDelivered as error:
            logger.warning("An alert was not delivered, and is sent again at the next evaluation: %s", error)
            lines.append(f"Not delivered, again at the next evaluation: {error}")
            continue
        alerts = mark_told(alerts, channel.name, news, now)
        keep(alerts)
        lines.append(f"{channel.name}: {', '.join(f'{each.status} {each.alert.key}' for each in news)}")
    left = still_needed(alerts, [channel.name for channel in channels])
    if len(left) < len(alerts):
        keep(left)
    return lines
