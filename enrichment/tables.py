"""The tables of what is known, each with the SQL that finds new texts, writes what they mean, and corrects it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from enrichment.places import NOWHERE, location_key
from landing_stream.contract import Contract

# Both are what dbt computes (macros text_key and salted_key); a test compares.
TEXT_KEY = "md5({text})::uuid"
SALTED_KEY = (
    "substr(encode(sha256(convert_to((select pseudonym_salt.salt from ops.pseudonym_salt) || {text}, 'UTF8')), 'hex'),"
    " 1, 32)::uuid"
)
# dbt's macro landed: a field that the contract learned later stands in extra in older rows; an empty text is no value,
# nor is the one that marts show where there is none.
LANDED = "nullif(nullif(coalesce(l.{column}, l.extra ->> {name}), ''), '(none)')"
# dbt's macros ip_address and url_host.
IP_ADDRESS = """nullif(case
    when translate({text}, '0123456789', '') = '...' and right({text}, 1) <> '.' and pg_input_is_valid({text}, 'inet')
        then host({text}::inet)
    else landing.address_of({text})
end, '(none)')"""
URL_HOST = """case
    when starts_with({url}, 'https://') and right(split_part({url}, '/', 3), 1) not in ('', '.')
        and translate(split_part({url}, '/', 3), 'abcdefghijklmnopqrstuvwxyz0123456789.-', '') = ''
        then split_part({url}, '/', 3)
    else landing.host_of({url})
end"""
SPELLINGS = "1"
"""Another one when any of these, or a function behind them, says something else: old loads are then read again."""
NEW_TEXTS = "create temporary table if not exists new_texts (kind text, key uuid, value text) on commit delete rows"


@dataclass(frozen=True)
class Table:
    """One table of schema enrichment.

    `kind`: what its keys are called in ops.changes. `enrichment`: the contract's mark of the fields that it is made of.
    `columns`: what rules decide, by name with their types. `details`: further values that rules give, which `first`
    writes elsewhere. `unknown`: the values of both for a text that rules have nothing to say of.
    """

    kind: str
    enrichment: str
    name: str
    text: str
    columns: Mapping[str, str]
    unknown: tuple[Any, ...]
    key_of: str = TEXT_KEY
    value_of: str = "{text}"
    details: Mapping[str, str] = field(default_factory=dict)
    first: str | None = None

    @property
    def key(self) -> str:
        return f"{self.kind}_key"

    @property
    def given(self) -> str:
        """The rows that rules gave, as a relation of arrays: key, columns, details."""
        kinds = {"key": "uuid", **self.columns, **self.details}
        arrays = ", ".join(f"%({name})s::{kind}[]" for name, kind in kinds.items())
        return f"unnest({arrays}) as given ({', '.join(kinds)})"

    @property
    def insert(self) -> str:
        """Write what the texts of new_texts mean."""
        names = ", ".join(self.columns)
        return f"""
            insert into enrichment.{self.name} ({self.key}, {self.text}, {names}, rules)
            select n.key, n.value, {names}, %(rules)s
            from {self.given} inner join new_texts as n on n.kind = '{self.kind}' and n.key = given.key
            on conflict do nothing
        """

    @property
    def correct(self) -> str:
        """Write what newer rules say of rows; gives the keys of those for which it is something else."""
        names = list(self.columns)
        old, new = (", ".join(f"{side}.{name}" for name in names) for side in ("t", "given"))
        return f"""
            with changed as (
                select given.key from {self.given}
                inner join enrichment.{self.name} as t on t.{self.key} = given.key
                where ({old}) is distinct from ({new})
            ),
            written as (
                update enrichment.{self.name} as t
                set {", ".join(f"{name} = given.{name}" for name in names)}, rules = %(rules)s,
                    enriched_at = case when given.key in (select key from changed)
                        then clock_timestamp() else t.enriched_at end
                from {self.given}
                where t.{self.key} = given.key
            )
            select key from changed order by key
        """

    @property
    def keep(self) -> str:
        """Note that newer rules have nothing else to say of these rows."""
        return f"update enrichment.{self.name} set rules = %(rules)s where {self.key} = any(%(keys)s)"

    @property
    def any_outdated(self) -> str:
        """A row of other rules. In two halves, which an index on rules can answer."""
        return f"""
            (select 1 from enrichment.{self.name} where rules < %(rules)s limit 1)
            union all (select 1 from enrichment.{self.name} where rules > %(rules)s limit 1)
        """

    @property
    def outdated(self) -> str:
        """The next rows of other rules: key, and the text, null where the key was not made of it (it was shortened)."""
        same = f"{self.key} = {self.key_of.format(text=self.text)}"
        return f"""
            select {self.key}, case when {same} then left({self.text}, %(longest)s) end from enrichment.{self.name}
            where rules <> %(rules)s and {self.key} > %(after)s order by {self.key} limit %(most)s
        """

    def missing(self) -> str:
        """Of `found`, the texts that the table does not have."""
        return f"""
            select f.kind, k.key, f.value from found as f
            cross join lateral (select {self.key_of.format(text="f.value")} as key) as k
            where f.kind = '{self.kind}'
                and not exists (select from enrichment.{self.name} as t where t.{self.key} = k.key)
        """


USER_AGENTS = Table(
    kind="user_agent",
    enrichment="user_agent",
    name="user_agent",
    text="user_agent",
    columns={
        "browser": "text",
        "browser_version": "text",
        "os": "text",
        "os_version": "text",
        "device": "text",
        "is_bot": "boolean",
        "bot_class": "text",
        "bot_reason": "text",
    },
    unknown=("Other", None, "Other", None, "Other", False, None, None),
)
ADDRESSES = Table(
    kind="ip",
    enrichment="ip",
    name="ip_address",
    text="ip_address",
    columns={"location_key": "uuid"},
    unknown=(location_key(NOWHERE), *NOWHERE),
    key_of=SALTED_KEY,
    value_of=IP_ADDRESS,
    details={"country_code": "text", "country_name": "text", "region": "text", "city": "text"},
    first="""
        insert into enrichment.location (location_key, country_code, country_name, region, city)
        select distinct location_key, country_code, country_name, region, city from {given} on conflict do nothing
    """,
)
REFERRER_HOSTS = Table(
    kind="referrer_host",
    enrichment="referrer",
    name="referrer_host",
    text="referrer_host",
    columns={"medium": "text", "source": "text"},
    unknown=("other", None),
    value_of=URL_HOST,
)
TABLES = (USER_AGENTS, ADDRESSES, REFERRER_HOSTS)


def find_new_texts(contract: Contract) -> str | None:
    """Fill new_texts with what a stretch of loads holds and the tables do not; None when no field is marked.

    One read of the landing for all fields. Parameters: after, upto (loads), first_landed_at, last_landed_at.
    """
    values = [
        f"('{table.kind}', {table.value_of.format(text=landed, url=landed)})"
        for table in TABLES
        for item in contract.fields
        if item.enrichment == table.enrichment
        for landed in [LANDED.format(column=quoted(item.column), name=literal(item.name))]
    ]
    if not values:
        return None
    kinds = {item.enrichment for item in contract.fields}
    return f"""
        insert into new_texts (kind, key, value)
        with found as materialized (
            select distinct v.kind, v.value
            from landing.{quoted(contract.stream)} as l
            cross join lateral (values {", ".join(values)}) as v (kind, value)
            where l.load_id > %(after)s and l.load_id <= %(upto)s
                and l.landed_at between %(first_landed_at)s and %(last_landed_at)s
                and v.value is not null
        )
        {" union all ".join(table.missing() for table in TABLES if table.enrichment in kinds)}
    """


def quoted(name: str) -> str:
    """An identifier, in a statement with parameters: psycopg takes a `%` in it for the place of one."""
    return '"' + name.replace('"', '""').replace("%", "%%") + '"'


def literal(text: str) -> str:
    """A field's name as a text, in a statement with parameters."""
    return "'" + text.replace("'", "''").replace("%", "%%") + "'"
