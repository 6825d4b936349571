"""A person in all streams, with every spelling of what is theirs, and where that stands."""

import datetime as dt
import gzip
import json
import zlib
from collections.abc import Collection
from contextlib import suppress
from typing import Any
from uuid import UUID

from psycopg import sql

from database.connect import connect
from erasure.identifiers import salted_key, text_key
from tests.dbt.conftest import Warehouse
from tests.dbt.events import DAY, Event, uuid_v1
from tests.dbt.shop_events import shop_visits
from tests.dbt.web_counts import web_traffic

USER, EMAIL = "502567", "Ada.Lovelace@Example.com"
PHONE, LAPTOP = "beb2cacb-20af-4f05-9c03-c98e54a1b71a", "0d1e55f0-77aa-4b0e-9a55-52a1c0ffee00"
HOME, OFFICE = "198.51.100.7", "203.0.113.1"
WRITTEN = ("Lovelace", "lovelace", PHONE, LAPTOP, HOME, "C633:6407")
"""Parts of the person's identifiers that stand nowhere else in the events."""


def page(number: int, **fields: str | None) -> Event:
    return {
        "id": f"page-{number}",
        "time_stamp": str(int(DAY.timestamp()) + number * 60),
        "collection": "view_product_detail",
        "product_id": str(100 + number % 3),
        "device_id": PHONE,
        "user_id_db": USER,
        "email_address": EMAIL,
        "ip": HOME,
        "user_agent": "Mozilla/5.0",
        "current_url": f"https://www.glamira.de/ring-{number}",
        "referrer_url": "",
        **fields,
    }


PAGES = [
    page(1, current_url="https://www.glamira.de/?mail=ada.lovelace%40example.com&account=502567"),
    page(2, referrer_url="https://www.example.org/login?for=ada.lovelace%2540EXAMPLE.com"),
    page(3, device_id=LAPTOP, referrer_url=f"https://www.glamira.de/account/{USER}/rings"),
    # a guest on the same phone, and one who wrote the address into the search box
    page(4, user_id_db="", email_address=""),
    page(5, user_id_db=None, email_address=None, key_search=f"order of {EMAIL.lower()}"),
    page(6, ip=OFFICE, extra=json.dumps({"account": int(USER), "contact": {"mail": EMAIL}, "price": 12.50})),
    # the phone in capitals is a device of its own; identifiers as hosts, which models have in lower case
    page(7, device_id=PHONE.upper(), current_url=f"https://{USER}.glamira.de/rings"),
    page(8, referrer_url=f"https://zz.{LAPTOP.upper()}.shop.example/a?b=c"),
    page(9, extra=f'{{"m": "\\u0061da.lovelac\\u0065@example.com", "d": "\\u0062{PHONE[1:]}"}}'),
    page(12, user_id_db=None, extra=f'{{"user_id_db": "{USER}", "deep": {"[" * 990}"{EMAIL}"{"]" * 990}}}'),
    # two addresses of one page and five minutes, which become one
    page(10, time_stamp="1774692000", referrer_url="https://www.example.org/login?for=ada.lovelace%40example.com"),
    page(11, time_stamp="1774692001", referrer_url="https://www.example.org/login?for=ADA.lovelac%65%40example.com"),
]
OTHERS = [
    # somebody else: the person's account number as a product, an address that ends alike, the office's address
    page(20, device_id="x1", user_id_db="7", email_address="grace@example.org", ip=OFFICE, product_id=USER),
    page(
        21,
        device_id="x2",
        user_id_db="8",
        email_address=None,
        ip="192.0.2.9",
        current_url=f"https://www.glamira.fr/{USER}",
    ),
    page(22, device_id="x3", user_id_db=None, email_address=None, ip=None, current_url=f"https://{USER}.glamira.de/"),
    page(23, device_id="x4", user_id_db=None, email_address=None, ip=None, key_search=f"{PHONE};view;x"),
]
REQUESTS: list[Event] = [
    {
        "event_id": f"request-{number}",
        "timestamp": (DAY + dt.timedelta(minutes=number * 20)).isoformat(),
        "user_id": user,
        "ip_address": address,
        "action": action,
        "product_id": "p1",
        "user_agent": agent,
        "response_time": "0.2",
        "status_code": "200",
    }
    for number, (user, address, action, agent) in enumerate(
        [
            (USER, HOME, "view_product", "Mozilla/5.0"),
            (USER, f" {HOME} ", "checkout", f"Feedback/1.0 ({EMAIL})"),
            (USER, f"::ffff:{HOME}", "view_product", "Mozilla/5.0"),
            (None, "::FFFF:C633:6407", "view_product", "Mozilla/5.0"),
            (None, HOME, "view_product", None),
            ("7", OFFICE, "view_product", "Mozilla/5.0"),
            (USER, OFFICE, "view_product", "Mozilla/5.0"),
        ]
    )
]
CLICKS: list[Event] = [
    {
        "create_time": uuid_v1(DAY + dt.timedelta(minutes=number), number),
        "custom_track": "click",
        "job_id": "1",
        "uid": uid,
        "dl": f"https://jobs.example.com/1?mail={EMAIL}" if uid == PHONE else "https://jobs.example.com/1",
    }
    for number, uid in enumerate([PHONE, "1-other"])
]
EVENTS = {
    "product_views": [*PAGES, *OTHERS, *shop_visits(seed=5, devices=6, visits=20)],
    "web_logs": [*REQUESTS, *web_traffic(200, seed=6)],
    "job_tracking": CLICKS,
}


RECORD = f'{{"user_id_db": {USER}, "device_id": "{PHONE}", "mail": "{EMAIL}", "price": NaN}}'
ENCODED = [
    RECORD.encode("utf-16"),
    RECORD.encode("utf-16-be") + b"}",
    gzip.compress(RECORD.encode()),
    gzip.compress(RECORD.encode("utf-16-le") * 3)[:-9],
    zlib.compress(RECORD.encode()),
    f'{{"product_id": 1, "device_id": "{LAPTOP[:-6]}'.encode(),
    f'{{"user_id_db": "\\u0035{USER[1:]}", "account": "{USER}", "mail": "{EMAIL.upper()}"'.encode(),
]
"""Records in quarantine that name the person in other encodings, or break off."""


def read(record: bytes) -> str:
    """What a record of ENCODED says."""
    for unpack in (zlib.decompressobj(31), zlib.decompressobj(15)):
        with suppress(zlib.error):
            record = unpack.decompress(record)
    return record.replace(b"\0", b"").decode("utf-8", "replace").lower()


def fill(warehouse: Warehouse) -> None:
    """Lands the person's events, those of others, and broken records, and fills the models."""
    for stream, events in EVENTS.items():
        warehouse.land(stream, events)
    broken = [
        f'{{"user_id_db": {USER}, "ip": "{HOME}", "price": NaN, "mail": "{EMAIL}"}}'.encode() + b"\xff",
        b'{"product_id": 502567, "price": NaN}',
        f'{{"product_id": 1, "device_id": "{PHONE}",'.encode(),
        *ENCODED,
    ]
    for number, value in enumerate(broken):
        warehouse.landing.execute(
            "insert into landing.quarantine"
            " (stream, load_id, topic_id, kafka_partition, kafka_offset, landed_at, reason, value, kafka_key)"
            " values ('product_views', 1, gen_random_uuid(), 0, %s, clock_timestamp(), 'not_json', %s, %s)",
            (number, value, USER.encode() if number == 0 else None),
        )
    warehouse.landing.execute(
        "insert into landing.files (stream, topic_id, name, format, bytes) values ('web_logs', %s, %s, 'csv', 1)",
        (UUID(int=7), f"exports/{EMAIL}.csv"),
    )
    warehouse.run()


def places_of(warehouse: Warehouse, written: tuple[str, ...] = WRITTEN, made: Collection[UUID] = ()) -> list[str]:
    """Every column of every table in which one of these texts stands, a key of an identifier, or one made of them."""
    (salt,) = warehouse.rows("select salt from ops.pseudonym_salt")[0]
    identifiers = (USER, EMAIL.lower(), PHONE, LAPTOP, HOME)
    keys = [*(salted_key(salt, text) for text in identifiers), text_key(PHONE), text_key(LAPTOP), *made]
    found = []
    with connect(warehouse.settings.as_admin, autocommit=True) as admin:
        columns = admin.execute(
            "select n.nspname, c.relname, a.attname, format_type(a.atttypid, null) from pg_class as c"
            " inner join pg_namespace as n on n.oid = c.relnamespace"
            " inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
            " where c.relkind = 'r' and c.relpersistence <> 't' and n.nspname <> 'pg_catalog'"
        ).fetchall()
        for schema, table, column, kind in columns:
            place = sql.Identifier(column)
            if kind == "uuid":
                condition = sql.SQL("{} = any({})").format(place, sql.Literal(keys))
            elif kind in ("text", "json", "jsonb", "bytea"):
                text = sql.SQL("encode({}, 'escape')" if kind == "bytea" else "{}::text").format(place)
                condition = sql.SQL("{} ~* {}").format(text, sql.Literal("|".join(written)))
            else:
                continue
            query = sql.SQL("select count(*) from {} where {}").format(sql.Identifier(schema, table), condition)
            if table != "erased_identifiers" and admin.execute(query).fetchall() != [(0,)]:
                found.append(f"{schema}.{table}.{column}")
    return found


def counts(warehouse: Warehouse) -> dict[str, list[tuple[Any, ...]]]:
    """The marts without what names people: identifiers, keys, pages and loads."""
    names = warehouse.rows(
        "select table_name::text, array_agg(column_name::text order by ordinal_position)"
        " from information_schema.columns where table_schema = 'marts' and data_type <> 'uuid'"
        " and table_name not like 'trust%%' and column_name <> all(%s) group by 1",
        [
            *("user_id", "device_id", "ip_address", "host", "referrer_host", "referrer_url", "user_agent"),
            *("page_url", "path", "key_search", "changed_load_id", "newest_load_id"),
        ],
    )
    return {
        name: sorted(warehouse.rows(f"select {', '.join(columns)} from marts.{name}"), key=repr)
        for name, columns in names
    }
