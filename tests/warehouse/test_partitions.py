"""Which partitions of the landing are old."""

import datetime as dt

from landing_stream.tables import ensure_day_partitions
from tests.conftest import Connection
from warehouse.retention import old_partitions


def test_a_relation_whose_name_ends_with_digits_is_no_day(landing: Connection, admin: Connection) -> None:
    for number in range(20):
        admin.execute(f"create table public.web_logs_{10835366 + number} (a int)".encode())
    admin.execute("analyze pg_class")
    landing.execute(
        "insert into landing.streams (stream, topic) values ('web_logs', 'web_logs') on conflict do nothing"
    )
    ensure_day_partitions(landing, "web_logs", dt.date(2020, 3, 28))
    assert {(found.stream, found.day) for found in old_partitions(landing, 30)} >= {("web_logs", dt.date(2020, 3, 28))}
