"""Which sessions a visitor is made of, and why each is theirs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from explain.marts import Marts, Row, key_of, let_go_until, rows
from landfall.errors import UserError

_SESSIONS = """
select
    sessions.session_key, sessions.device_key, sessions.started_at, sessions.ended_at, sessions.country_name,
    sessions.channel, sessions.touch_channel, sessions.events, sessions.views, sessions.is_bot,
    sessions.is_on_shared_device, sessions.is_first_of_visitor,
    first.kafka_partition, first.kafka_offset, shown.logins
from marts.fct_product_sessions as sessions
left join lateral (
    select events.kafka_partition, events.kafka_offset from marts.fct_product_events as events
    where
        events.device_key = sessions.device_key and events.event_at = sessions.started_at
        and events.event_key = sessions.first_event_key
) as first on true
left join lateral (
    select count(distinct coalesce(events.user_key, events.email_key)) as logins
    from marts.fct_product_events as events
    where
        events.device_key = sessions.device_key and events.is_production
        and events.event_at between sessions.started_at and sessions.ended_at
) as shown on true
where sessions.visitor_key = %(visitor)s
order by sessions.started_at, sessions.first_event_key
limit %(most)s
"""
_EVENTS = """
select
    event_key, event_at, event_type, kafka_partition, kafka_offset,
    user_key is not null as has_user, email_key is not null as has_email
from marts.fct_product_events
where device_key = %(device)s and is_production and event_at between %(from)s and %(until)s
order by event_at, event_key
"""


@dataclass(frozen=True)
class Visitor:
    """A row of marts.dim_visitor, and its first sessions. `let_go_until`: before this instant, facts were let go."""

    row: Row
    sessions: Sequence[Row]
    let_go_until: dt.datetime | None = None

    def is_let_go(self, session: Row) -> bool:
        """Whether a session began before then: nobody knows any more who logged in."""
        return self.let_go_until is not None and bool(session["started_at"] < self.let_go_until)


def find_visitor(marts: Marts, text: str, most: int) -> Visitor:
    """A visitor by their key, with at most so many sessions. Raises UserError for a key that nobody has."""
    key = key_of(text)
    found = [] if key is None else rows(marts, "select * from marts.dim_visitor where visitor_key = %(key)s", key=key)
    if not found:
        raise UserError(
            f"There is no visitor {text!r}: take a visitor_key of marts.dim_visitor as it is now;"
            " it changes when a login is learned."
        )
    return Visitor(found[0], rows(marts, _SESSIONS, visitor=key, most=most), let_go_until(marts))


def events_of(marts: Marts, session: Row) -> Sequence[Row]:
    """The events of a session, in their order."""
    return rows(
        marts, _EVENTS, device=session["device_key"], **{"from": session["started_at"], "until": session["ended_at"]}
    )


def reason(identified_by: str, session: Row) -> str:
    """Why a session belongs to a visitor who is known by `user`, `email` or `device`."""
    logins = session["logins"]
    if identified_by != "device":
        return "logged in" if logins else "its device knows this login alone"
    if logins > 1:
        return "two people or more, so nobody's"
    if logins:
        return "its login stands for nobody"
    return "nobody logged in, on a shared device" if session["is_on_shared_device"] else "its device knows no login"
