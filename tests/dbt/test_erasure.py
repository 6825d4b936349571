"""`landfall erase`: nothing of the person is left anywhere, every count stays, and what lands again is erased too."""

import datetime as dt
import gzip
import json
import subprocess
import threading
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from psycopg import sql

from database.connect import connect
from erasure.erase import erase, given_identifiers
from erasure.identifiers import salted_key, text_key
from landfall.errors import UserError
from tests.dbt.conftest import Warehouse, wait_until
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


@pytest.fixture
def filled(warehouse: Warehouse) -> Warehouse:
    """A warehouse with the person's events, those of others, and broken records."""
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
    return warehouse


def places_of(warehouse: Warehouse, written: tuple[str, ...] = WRITTEN) -> list[str]:
    """Every column of every table in which one of these texts stands, or a key of an identifier."""
    (salt,) = warehouse.rows("select salt from ops.pseudonym_salt")[0]
    identifiers = (USER, EMAIL.lower(), PHONE, LAPTOP, HOME)
    keys = [*(salted_key(salt, text) for text in identifiers), text_key(PHONE), text_key(LAPTOP)]
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


DEVICES = {("device", PHONE), ("device", PHONE.upper()), ("device", LAPTOP)}


def named(by: dict[str, str]) -> set[tuple[str, str]]:
    """What was given, also in another case."""
    ((kind, value),) = by.items()
    return {
        (kind, spelled)
        for spelled in (value.strip().lower(), value.strip())
        if kind != "email" or spelled == EMAIL.lower()
    }


def given(**identifiers: str) -> dict[str, set[str]]:
    return given_identifiers(
        *([identifiers[kind]] if kind in identifiers else [] for kind in ("user", "device", "email"))
    )


@pytest.mark.parametrize("by", [{"user": USER}, {"device": PHONE.upper()}, {"email": f" {EMAIL.upper()}"}])
def test_nothing_of_the_person_is_left_and_every_count_stays(filled: Warehouse, by: dict[str, str]) -> None:
    assert len(places_of(filled)) > 20
    before, landed = counts(filled), filled.one("select count(*) from landing.product_views")
    done = erase(filled.settings, given(**by), links="all" if "device" in by else "direct")
    assert done is not None
    assert done.identifiers == {"user": 1, "device": 3, "email": 1, "address": 1}
    assert set(done.linked) == {("user", USER), ("email", EMAIL.lower()), *DEVICES} - named(by)
    assert places_of(filled) == []
    for (value,) in filled.rows("select value from landing.quarantine where kafka_offset >= 3"):
        assert not [text for text in (*WRITTEN, USER, LAPTOP[:-6]) if text.lower() in read(bytes(value))], read(value)
    filled.enricher.run_once()
    filled.run()
    assert places_of(filled) == []
    assert counts(filled) == before
    assert filled.one("select count(*) from landing.product_views") == landed

    incremental = filled.tables()
    filled.run("run", "--full-refresh")
    assert filled.tables() == incremental
    filled.run("test", "--exclude", "test_type:unit", "events_have_nothing_odd")


def test_devices_stay_distinct_and_others_are_left_as_they_are(filled: Warehouse) -> None:
    done = erase(filled.settings, given(user=USER))
    assert done is not None
    token = done.token
    devices = filled.rows(
        "select distinct device_id from landing.product_views where device_id like %s order by 1", f"{token}%"
    )
    assert devices == [(token,), (f"{token}-2",), (f"{token}-3",)]
    phone = filled.one("select device_id from landing.product_views where id = 'page-1'")
    own = filled.rows(
        "select extra::text from landing.product_views where extra is not null and id <> 'page-12' order by id"
    )
    assert own == [
        (f'{{"account": "{token}", "contact": {{"mail": "{token}"}}, "price": 12.5}}',),
        (f'{{"m": "{token}", "d": "{phone}"}}',),
    ]
    others = filled.rows(
        "select product_id, user_id_db, email_address, ip from landing.product_views where device_id = 'x1'"
    )
    assert others == [(USER, "7", "grace@example.org", OFFICE)]
    assert filled.rows("select current_url from landing.product_views where device_id = 'x2'") == [
        (f"https://www.glamira.fr/{USER}",)
    ]
    quarantined = filled.rows("select value from landing.quarantine order by kafka_offset")
    assert [bytes(value) for (value,) in quarantined][:3] == [
        f'{{"user_id_db": "{token}", "ip": "{token}-address", "price": NaN, "mail": "{token}"}}'.encode() + b"\xff",
        b'{"product_id": 502567, "price": NaN}',
        f'{{"product_id": 1, "device_id": "{phone}",'.encode(),
    ]
    place = filled.rows("select ip_address from enrichment.ip_address where ip_address is null")
    assert place == [(None,)], "the place of an address is known still, the address is not"


@pytest.mark.parametrize("stream", sorted(EVENTS))
def test_what_lands_again_is_erased_too(filled: Warehouse, stream: str) -> None:
    erase(filled.settings, given(user=USER))
    filled.enricher.run_once()
    filled.run()
    before = counts(filled)
    filled.land(stream, EVENTS[stream])
    filled.landing.execute(
        "insert into landing.quarantine"
        " (stream, load_id, topic_id, kafka_partition, kafka_offset, landed_at, reason, value)"
        " select 'web_logs', last_load_id + 1, gen_random_uuid(), 0, 9, clock_timestamp(), 'not_json', %s"
        " from landing.streams where stream = 'web_logs'",
        (f'{{"user_id": "{USER}", "mail": "{EMAIL}", NaN'.encode(),),
    )
    filled.land("web_logs", [])
    assert places_of(filled) == []
    filled.run()
    assert places_of(filled) == []
    if stream != "job_tracking":
        assert counts(filled) == before


def test_once_more_changes_nothing_and_a_dry_run_only_counts(filled: Warehouse) -> None:
    before = filled.tables()
    dry = erase(filled.settings, given(email=EMAIL), dry_run=True)
    assert filled.tables() == before
    assert filled.rows("select * from ops.erasures") == []
    done = erase(filled.settings, given(email=EMAIL))
    assert dry is not None
    assert done is not None
    assert (dict(dry.rows), dict(dry.identifiers)) == (dict(done.rows), dict(done.identifiers))
    loads = filled.one("select sum(last_load_id) from landing.streams")
    assert erase(filled.settings, given(email=EMAIL, user=USER)) is None
    assert filled.one("select sum(last_load_id) from landing.streams") == loads
    ((token, identifiers, rows),) = filled.rows("select token, identifiers, changed_rows from ops.erasures")
    assert (token, identifiers, rows) == (done.token, done.identifiers, done.rows)


def test_a_person_is_found_in_facts_when_their_landing_is_gone(filled: Warehouse) -> None:
    for stream in EVENTS:
        filled.landing.execute(f"delete from landing.{stream}")
    filled.landing.execute("delete from landing.quarantine")
    before = counts(filled)
    done = erase(filled.settings, given(email=EMAIL))
    assert done is not None
    assert done.identifiers == {"user": 1, "device": 3, "email": 1, "address": 1}
    assert [place for place in places_of(filled) if "referrer" not in place] == []
    filled.enricher.run_once()
    filled.run()
    assert counts(filled) == before


def test_erasing_waits_for_a_model_that_is_being_filled(filled: Warehouse) -> None:
    with connect(filled.settings.as_transformer) as model:
        model.execute("select 1 from ops.model_progress limit 1 for update")
        erasing = threading.Thread(target=erase, args=(filled.settings, given(user=USER)))
        erasing.start()
        waits = "select count(*) from pg_locks where not granted and relation = 'ops.model_progress'::regclass"
        wait_until(lambda: filled.one(waits) == 1, "the erasure waits")
        assert places_of(filled) != []
        model.rollback()
    erasing.join(timeout=60)
    assert places_of(filled) == []


def test_nobody_and_blanks_are_refused() -> None:
    with pytest.raises(UserError, match="Name the person"):
        given_identifiers([], [], [])
    with pytest.raises(UserError, match="blank"):
        given_identifiers([" "], [], [])


@pytest.mark.parametrize(
    "text", ["https", "%", "de", "@", "a@b", "ada@example.com,bob@example.com", "x?m=ada@example.com"]
)
def test_an_e_mail_address_must_be_one(text: str) -> None:
    with pytest.raises(UserError, match="no e-mail address"):
        given_identifiers([], [], [text])


CROWD = [
    page(
        100 + number, device_id=f"d{number}", user_id_db=f"u{number}", email_address="all@example.com", ip="192.0.2.77"
    )
    for number in range(29)
]
PRETENDED = [
    page(200 + number, device_id=text, user_id_db="u0", email_address=None, ip=text)
    for number, text in enumerate(["view_product_detail", "https://www", "www.glamira.de", "1774656000", "https"])
]


def test_strangers_cannot_have_others_erased_with_somebody(warehouse: Warehouse) -> None:
    """29 events that link an address to 29 accounts, and events that call names of the shop somebody's devices."""
    warehouse.land("product_views", [*CROWD, *PRETENDED, *OTHERS])
    warehouse.run()
    before = warehouse.tables()
    beyond = r"29 account\(s\), 29 device\(s\) stand beside .* --no-links .* --max-links 58"
    with pytest.raises(UserError, match=beyond):
        erase(warehouse.settings, given(email="all@example.com"))
    with pytest.raises(UserError, match=r"28 account.* --follow-links"):
        erase(warehouse.settings, given(user="u0"), links="all")
    assert warehouse.tables() == before
    dry = erase(warehouse.settings, given(email="all@example.com"), dry_run=True)
    assert dry is not None
    assert len(dry.linked) == 58

    done = erase(warehouse.settings, given(user="u0"))
    assert done is not None
    assert done.identifiers == {"user": 1, "device": 6, "email": 1, "address": 5}
    assert set(done.linked) == {
        ("email", "all@example.com"),
        *(("device", str(event["device_id"])) for event in [*CROWD[:1], *PRETENDED]),
    }
    users = "select count(distinct user_id_db) from landing.product_views where user_id_db like 'u%'"
    assert warehouse.one(users) == 28
    texts = "select collection, current_url, time_stamp from landing.product_views order by id"
    assert warehouse.rows(texts) == sorted_texts([*CROWD, *PRETENDED, *OTHERS])
    assert erase(warehouse.settings, given(email="all@example.com"), links="none") is None


def sorted_texts(events: list[Event]) -> list[tuple[Any, ...]]:
    ordered = sorted(events, key=lambda event: str(event["id"]))
    return [(event["collection"], event["current_url"], event["time_stamp"]) for event in ordered]


def test_a_trigger_gets_no_rights_and_master_data_stays(filled: Warehouse) -> None:
    filled.landing.execute(
        """
        create table landing.seen (who text, may_make_roles boolean, reads_marts boolean);
        create function landing.look_around() returns trigger language plpgsql as $$
        begin
            execute 'reset role';
            insert into landing.seen
            select current_user, rolcreaterole, pg_has_role(current_user, 'transformer', 'usage')
            from pg_roles where rolname = current_user;
            return new;
        end $$;
        create trigger look_around before update on landing.product_views
        for each row execute function landing.look_around();
        """
    )
    filled.reader.execute(
        "insert into reference.host_countries (host, country_name, environment, brand)"
        " values (%s, 'X', 'production', 'x')",
        (f"{PHONE}.example",),
    )
    master = filled.rows("select * from reference.host_countries order by host")
    assert erase(filled.settings, given(user=USER)) is not None
    assert filled.rows("select distinct who, may_make_roles, reads_marts from landing.seen") == [
        ("landing_writer", False, False)
    ]
    assert filled.rows("select * from reference.host_countries order by host") == master


def test_what_lands_on_its_own_is_erased_too(filled: Warehouse) -> None:
    erase(filled.settings, given(user=USER))
    alone = {"device_id": "y", "user_id_db": None, "email_address": None, "ip": None}
    load = filled.land(
        "product_views",
        [
            page(300, **alone, current_url=f"https://www.glamira.de/account/{PHONE}/orders"),
            page(301, **alone, key_search=f"{PHONE.upper()};view;x"),
            page(
                302,
                **alone,
                referrer_url=f"https://www.example.org/?next=%2Faccount%2F{LAPTOP.replace('-', '%252D')}%2F",
            ),
            page(303, **alone, extra=f'{{"note": "of {HOME}, \\u0061da.lovelace\\u0040example.com"}}'),
            page(304, **{**alone, "device_id": LAPTOP.upper()}),
        ],
        finish=False,
    )
    for statement in (
        "insert into landing.files (stream, topic_id, name, format, bytes)"
        f" values ('product_views', %s, 'of-{PHONE}.csv', 'csv', 1)",
        "insert into landing.slices (stream, load_id, topic_id, kafka_partition, from_offset, until_offset, landed,"
        f" quarantined, holes) values ('product_views', {load.load_id}, %s, 0, 0, 1, 1, 0, 0)",
    ):
        filled.landing.execute(statement, (UUID(int=8),))
    filled.finish("product_views", load)
    assert places_of(filled) == []
    urls = filled.rows("select current_url from landing.product_views where id = 'page-300'")
    phone = filled.one("select device_id from landing.product_views where id = 'page-1'")
    assert urls == [(f"https://www.glamira.de/account/{phone}/orders",)]


def test_the_command_says_what_it_did(filled: Warehouse, start_command: "Callable[..., subprocess.Popen[str]]") -> None:
    def said(*arguments: str) -> str:
        process = start_command(filled.settings, "erase", *arguments)
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, output
        return output

    output = said("--user-id", USER, "--dry-run")
    assert "1 account(s), 3 device(s), 1 e-mail(s), 1 IP address(es) would become" in output
    assert f"along with what was given: e-mail(s) {EMAIL.lower()}\n" in output
    output = said("--user-id", USER)
    assert "became erased-" in output
    assert "Not reached: Kafka's topics, exported files" in output
    assert "landing.product_views: " in output
    assert said("--user-id", USER) == "Nothing of this person is there.\n"


def test_keys_are_those_of_the_models(filled: Warehouse) -> None:
    (salt,) = filled.rows("select salt from ops.pseudonym_salt")[0]
    keys = filled.rows("select distinct user_key from intermediate.int_web_requests where user_id = %s", USER)
    assert keys == [(salted_key(salt, USER),)]
    devices = filled.rows("select distinct device_key from intermediate.int_product_events where device_id = %s", PHONE)
    assert devices == [(text_key(PHONE),)]
    assert isinstance(devices[0][0], UUID)
