"""A database that is lost and restored: the landing lands what is missing, and every table is as it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient
from pyspark.sql import SparkSession

from cli.backups import back_up, restore
from database.connect import connect
from erasure.erase import erase
from erasure.journal import Journal
from health import gaps
from landfall.settings import Settings
from landing_stream.contract import load_contracts
from tests.conftest import MakeDatabase, create, drop
from tests.dbt.conftest import Warehouse
from tests.dbt.erased_person import OTHERS, PAGES, USER, places_of
from tests.dbt.events import Event
from tests.dbt.shop_events import shop_visits
from tests.landing.streams import Stream, wait_until
from tests.landing.test_offsets import delete_records
from warehouse.dbt_arguments import pass_arguments

SHOP = "product_views"
ON_THE_WAY = 20
"""Events of a load that lands while the dump is written."""


class Shop:
    """The shop's stream from a topic of its own, and its models, in one database."""

    def __init__(self, settings: Settings, stream: Stream) -> None:
        self.settings, self.stream = settings, stream
        self.warehouse = Warehouse(settings)

    def send(self, events: Sequence[Event]) -> None:
        """Produces events, by turns over two partitions."""
        self.stream.send((json.dumps(event).encode(), number % 2) for number, event in enumerate(events))

    def count(self) -> int:
        return int(self.warehouse.one(f"select count(*) from landing.{SHOP}"))

    def landed(self, count: int) -> None:
        """Waits until so many rows have landed."""
        query = f"select count(*) from landing.{SHOP}"
        wait_until(lambda: bool(self.stream.one(query) >= count), f"{count} rows landed")

    def land(self, count: int) -> None:
        """Lands until so many rows are there. Workers notice at their first try that their database is another one."""
        with self.stream.landing():
            self.landed(count)

    def refresh(self) -> None:
        """Enriches and fills the models, from where they stand."""
        self.warehouse.enricher.run_once()
        self.warehouse.run(*pass_arguments([SHOP]))

    def lose(self, admin: Settings) -> None:
        """Drops the database, and makes an empty one of its name."""
        self.warehouse.close()
        self.stream.close()
        with connect(admin.as_admin, autocommit=True) as connection:
            name = self.settings.as_admin.dsn.rpartition("/")[2]
            drop(connection, name)
        create(admin, name)


@pytest.fixture
def make_shop(
    spark: SparkSession, make_topic: Callable[..., str], tmp_path: Path
) -> Iterator[Callable[[Settings], Shop]]:
    """A maker of shops that all read one topic."""
    contract = replace(load_contracts()[SHOP], topic=make_topic(2))
    made: list[Shop] = []

    def make(settings: Settings) -> Shop:
        made.append(Shop(settings, Stream(spark, settings, contract, tmp_path / str(len(made)))))
        return made[-1]

    yield make
    for shop in made:
        shop.stream.close()
        shop.warehouse.close()


def back_up_meanwhile(shop: Shop, target: Path, events: Sequence[Event]) -> int:
    """Dumps the database while events land and a refresh runs; returns how many of them had been sent by then."""
    before, sent = shop.count(), 0
    with shop.stream.landing(), ThreadPoolExecutor() as beside:
        refreshed, dumped = beside.submit(shop.refresh), beside.submit(back_up, shop.settings, target)
        while not sent or (not dumped.done() and sent < len(events)):
            shop.send(events[sent : sent + ON_THE_WAY])
            sent += ON_THE_WAY
            shop.landed(before + sent)
        dumped.result()
        refreshed.result()
    return sent


def differing(one: list[tuple[Any, ...]], other: list[tuple[Any, ...]]) -> list[str]:
    """Rows that only one of two tables has."""
    return [repr(row) for row in (*one, *other) if (row in one) is not (row in other)]


def test_a_lost_database_is_restored_and_lands_what_is_missing(
    settings: Settings,
    make_database: MakeDatabase,
    make_shop: Callable[[Settings], Shop],
    kafka_admin: AdminClient,
    tmp_path: Path,
) -> None:
    database = replace(make_database(models=True), erasure_journal=tmp_path / "erasures.jsonl")
    journal = Journal.of(database)
    others = shop_visits(seed=5, devices=6, visits=150)
    # Not those of somebody else on a host that is named for the person by their short account number alone, which
    # nothing tells from other hosts once it lands again.
    strangers = [event for event in OTHERS if event["device_id"] != "x3"]
    early, meanwhile, late = [*PAGES[:4], *others[:200]], others[200:400], [*PAGES[4:], *strangers, *others[400:]]
    shop = make_shop(database)
    shop.send(early)
    shop.stream.land()
    shop.refresh()
    sent = back_up_meanwhile(shop, tmp_path / "shop.dump", meanwhile)
    assert (tmp_path / "shop.dump").stat().st_mode & 0o777 == 0o600
    shop.send([*meanwhile[sent:], *late])
    shop.stream.land()
    assert erase(database, {"user": {USER}}) is not None
    shop.refresh()
    total, before = shop.count(), shop.warehouse.tables(with_positions=False)

    shop.lose(settings)
    done = restore(database, tmp_path / "shop.dump", journal)
    shop = make_shop(database)
    assert done.erased[f"landing.{SHOP}"] == 4
    assert places_of(shop.warehouse) == []
    assert len(early) <= shop.count() < total
    assert shop.warehouse.one("select sum(landed) from landing.slices") == shop.count()
    assert shop.warehouse.one("select sum(next_offset) from landing.offsets") == shop.count()
    facts = shop.warehouse.one("select count(distinct event_key) from intermediate.int_product_events")
    assert facts == shop.warehouse.one("select count(*) from intermediate.int_product_events")
    shop.land(total)
    shop.refresh()
    assert shop.count() == total
    assert shop.warehouse.one("select count(*) from landing.gaps") == 0
    assert places_of(shop.warehouse) == []
    after = shop.warehouse.tables(with_positions=False)
    assert {name: differing(before[name], after[name]) for name in before if before[name] != after[name]} == {}
    assert after == before

    shop.lose(settings)
    restore(database, tmp_path / "shop.dump", journal)
    shop = make_shop(database)
    first = shop.warehouse.one("select next_offset from landing.offsets where kafka_partition = 0")
    delete_records(kafka_admin, shop.stream, first + 5)
    shop.land(total - 5)
    shop.refresh()
    assert shop.count() == total - 5
    assert "Kafka deleted 5 offsets before they could land" in gaps.sentences(gaps.read(shop.warehouse.reader, SHOP))
    assert f"partition 0 offsets {first} to {first + 4}" in gaps.sentences(gaps.read(shop.warehouse.reader, SHOP))
