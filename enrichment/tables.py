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
    when {text} ~ '^[0-9.]*[0-9]$' and split_part({text}, '.', 4) <> '' and split_part({text}, '.', 5) = ''
        and pg_input_is_valid({text}, 'inet')
        then host({text}::inet)
    else landing.address_of({text})
end, '(none)')"""
URL_HOST = """case
    when starts_with({url}, 'https://') and split_part({url}, '/', 3) ~ '^[a-z0-9.-]*[a-z0-9-]$'
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
        """The rows that rules gave, as a relation of arrays: key, columns."""
        return given({"key": "uuid", **self.columns})

    @property
    def write_first(self) -> str | None:
        """Write what rules gave beside, from a relation of arrays of columns and details; None when there are none."""
        return None if self.first is None else self.first.format(given=given({**self.columns, **self.details}))

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
        select location_key, country_code, country_name, region, city from {given} on conflict do nothing
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


def given(kinds: Mapping[str, str]) -> str:
    """A relation of arrays, which are parameters: `kinds` has their names and types."""
    arrays = ", ".join(f"%({name})s::{kind}[]" for name, kind in kinds.items())
    return f"unnest({arrays}) as given ({', '.join(kinds)})"


def find_new_texts(contract: Contract) -> str | None:
    """Fill new_texts with what a stretch of loads holds and the tables do not; None when no field is marked.

    One read of the landing for all fields, each with a hash table of its own: what a text stands for (its host, its
    key) is asked of the different ones, some of which come a hundred times. Parameters: after, upto (loads),
    first_landed_at, last_landed_at.
    """
    marked = [(table, item) for table in TABLES for item in contract.fields if item.enrichment == table.enrichment]
    if not marked:
        return None
    texts = [f"text_{number}" for number in range(len(marked))]
    sent = [LANDED.format(column=quoted(item.column), name=literal(item.name)) for _, item in marked]
    values = [
        f"('{table.kind}', {table.value_of.format(text=text, url=text)})"
        for (table, _), text in zip(marked, texts, strict=True)
    ]
    kinds = {item.enrichment for item in contract.fields}
    return f"""
        insert into new_texts (kind, key, value)
        with sent as (
            select {", ".join(f"{landed} as {text}" for landed, text in zip(sent, texts, strict=True))}
            from landing.{quoted(contract.stream)} as l
            where l.load_id > %(after)s and l.load_id <= %(upto)s
                and l.landed_at between %(first_landed_at)s and %(last_landed_at)s
        ),
        different as (
            select {", ".join(texts)} from sent group by grouping sets ({", ".join(f"({text})" for text in texts)})
        ),
        found as materialized (
            select distinct v.kind, v.value
            from different
            cross join lateral (values {", ".join(values)}) as v (kind, value)
            where v.value is not null
        )
        {" union all ".join(table.missing() for table in TABLES if table.enrichment in kinds)}
    """


def quoted(name: str) -> str:
    """An identifier, in a statement with parameters: psycopg takes a `%` in it for the place of one."""
    return '"' + name.replace('"', '""').replace("%", "%%") + '"'


def literal(text: str) -> str:
    """A field's name as a text, in a statement with parameters."""
    return "'" + text.replace("'", "''").replace("%", "%%") + "'"
