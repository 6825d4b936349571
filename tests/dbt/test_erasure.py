"""`landfall erase`: nothing of the person is left anywhere, every count stays, and what lands again is erased too."""

import subprocess
import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from database.connect import connect
from erasure.erase import erase, given_identifiers
from erasure.identifiers import salted_key, text_key
from landfall.errors import UserError
from tests.dbt.conftest import Warehouse, wait_until
from tests.dbt.erased_person import (
    EMAIL,
    EVENTS,
    HOME,
    LAPTOP,
    OFFICE,
    OTHERS,
    PHONE,
    USER,
    WRITTEN,
    counts,
    fill,
    page,
    places_of,
    read,
)
from tests.dbt.events import Event


@pytest.fixture
def filled(warehouse: Warehouse) -> Warehouse:
    """A warehouse with the person's events, those of others, and broken records."""
    fill(warehouse)
    return warehouse


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
    erasing.join(timeout=180)
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
        output, _ = process.communicate(timeout=180)
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
