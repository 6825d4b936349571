"""A local server with the API of S3, and marts: small ones made by hand, and those of the models."""

import uuid
from collections.abc import Iterator
from dataclasses import replace

import boto3
import pytest
from moto.server import ThreadedMotoServer

from landfall.settings import Settings
from tests.conftest import Connection
from tests.dbt.conftest import make_warehouse, warehouse
from warehouse.catalogue import Model

__all__ = ["make_warehouse", "warehouse"]


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """Endpoint of an S3 server on a free port of this machine."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of an empty bucket; keys for it are where AWS' tools look for them."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_EC2_METADATA_DISABLED": "true"
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    name = f"bucket-{uuid.uuid4().hex[:8]}"
    boto3.client("s3", endpoint_url=s3_server, region_name="us-east-1").create_bucket(Bucket=name)
    return name


@pytest.fixture
def at_s3(database: Settings, s3_server: str) -> Settings:
    """The fresh database, and the S3 server."""
    return replace(database, s3_endpoint=s3_server)


BY_HAND = [
    Model("marts.dim_shop", "dimension", (), None, (), ""),
    Model("marts.fct_steps", "fact", (), "event_at", (), ""),
    Model("marts.kpi_sales_daily", "kpi", (), "event_date", (), ""),
    Model("marts.kpi_sales_daily_latest", "latest", (), "event_date", (), ""),
]


@pytest.fixture
def marts(transformer: Connection, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """A database with three small marts made by hand, as models of theirs would be: by day, by a time, a dimension."""
    monkeypatch.setattr("exports.export.catalogue_of", lambda manifest: BY_HAND)
    transformer.execute(
        """
        create table marts.kpi_sales_daily (
            event_date date, shop text, orders bigint, revenue numeric, share double precision, is_open boolean
        );
        comment on table marts.kpi_sales_daily is 'Sales. One row per day and shop: it''s that simple.';
        comment on column marts.kpi_sales_daily.shop is 'The shop.';
        insert into marts.kpi_sales_daily values
            ('2026-03-27', 'Lyon', 3, 12.340, 0.1, true),
            ('2026-03-27', '', null, null, null, null),
            ('2026-03-28', E'a "b",\\n東京', 9007199254740993, 1.0 / 3, 'NaN', false);
        create table marts.fct_steps (
            event_key uuid, event_at timestamptz, options jsonb, event_hour integer, step text
        );
        insert into marts.fct_steps values
            ('00000000-0000-0000-0000-00000000000a', '2026-03-28 23:59:59.999999+00', '{"a": [1, 2]}', 23, 'x'),
            ('00000000-0000-0000-0000-00000000000b', '2026-03-29 00:00:00+00', null, 0, null);
        create table marts.dim_shop (shop text, opened_at timestamptz);
        create view marts.kpi_sales_daily_latest as select * from marts.kpi_sales_daily where event_date = '2026-03-28';
        """
    )
    return transformer
