"""Contracts: what ships is valid, and a mistake in one is told with its file, line and path, and what to write."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from landing_stream.contract import ContractError, load_contracts, read_contract
from warehouse.dbt_manifest import DBT_PROJECT

VALID = """\
apiVersion: v3.0.2
kind: DataContract
id: things
version: 1.0.0
status: active
schema:
  - name: things
    physicalName: shop.things-v1
    description: Things that happen.
    properties:
      - name: id
        description: The event key.
        examples: [a, 1]
      - name: Time.Stamp
        description: The event time.
        classification: personal
customProperties:
  - property: eventKey
    value: [id]
  - property: eventTime
    value: Time.Stamp
  - property: eventTimeUnit
    value: epoch_seconds
  - property: maxValueBytes
    value: 1000
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "things.yaml"


def mistake(file: Path, found: str, instead: str) -> str:
    """The message about the valid contract with one text replaced."""
    assert found in VALID
    file.write_text(VALID.replace(found, instead, 1))
    with pytest.raises(ContractError) as caught:
        read_contract(file)
    return str(caught.value)


def test_a_contract_is_read_as_it_is_written(file: Path) -> None:
    file.write_text(VALID)
    contract = read_contract(file)
    assert (contract.stream, contract.topic, contract.description) == (
        "things",
        "shop.things-v1",
        "Things that happen.",
    )
    assert contract.field_names == ("id", "Time.Stamp")
    assert contract.fields[0].examples == ("a", 1)
    assert [field.pii for field in contract.fields] == [False, True]
    assert (contract.key_fields, contract.event_time_field) == (("id",), "Time.Stamp")
    assert (contract.event_time_unit, contract.max_value_bytes) == ("epoch_seconds", 1000)


def test_a_field_may_say_what_the_enricher_makes_of_it(file: Path) -> None:
    marked = "classification: personal\n        customProperties: [{ property: enrichment, value: referrer }]"
    file.write_text(VALID.replace("classification: personal", marked))
    assert [field.enrichment for field in read_contract(file).fields] == [None, "referrer"]


def test_a_field_may_say_whose_identifier_it_is(file: Path) -> None:
    marked = "classification: personal\n        customProperties: [{ property: identifies, value: user }]"
    file.write_text(VALID.replace("classification: personal", marked))
    field = read_contract(file).fields[1]
    assert (field.identifies, field.enrichment) == ("user", None)


def test_a_key_may_be_of_several_fields_and_a_time_inside_an_object(file: Path) -> None:
    text = VALID.replace("value: [id]", "value: [[id, Time.Stamp], id]")
    text = text.replace("value: Time.Stamp", "value: [Time.Stamp, sent, at]")
    file.write_text(text.replace("value: epoch_seconds", "value: epoch_nanoseconds"))
    contract = read_contract(file)
    assert contract.key_fields == (("id", "Time.Stamp"), "id")
    assert (contract.event_time_field, contract.event_time_path) == ("Time.Stamp", ("sent", "at"))
    assert (contract.event_time_unit, contract.event_time_format, contract.event_time_zone) == (
        "epoch_nanoseconds", None, "UTC",
    )  # fmt: skip


def test_a_record_without_a_key_is_known_by_its_place(file: Path) -> None:
    file.write_text(VALID.replace("value: [id]", "value: []"))
    assert read_contract(file).key_fields == ()


def test_a_time_may_have_a_template_and_a_zone(file: Path) -> None:
    more = "value: format\n  - {property: eventTimeFormat, value: DD/Mon/YYYY HH24:MI}"
    more += "\n  - {property: eventTimeZone, value: Europe/Berlin}"
    file.write_text(VALID.replace("value: epoch_seconds", more))
    contract = read_contract(file)
    assert (contract.event_time_unit, contract.event_time_format, contract.event_time_zone) == (
        "format", "DD/Mon/YYYY HH24:MI", "Europe/Berlin",
    )  # fmt: skip


def test_a_field_has_any_name_and_a_column_of_its_own(file: Path) -> None:
    names = {
        "ctid": "row_ctid", "LOAD_ID": "their_load", "ID": "upper_id", "x" * 64: "long_x", "extra": "more",
        "select": None, "a b.c@d": None, 'it\'s "so"': None, "日本": None, "1": None, "$": None, "%s {x}": None,
    }  # fmt: skip
    document = yaml.safe_load(VALID)
    document["schema"][0]["properties"] += [
        {"name": name, "description": "A field."} | ({"physicalName": column} if column else {})
        for name, column in names.items()
    ]
    file.write_text(yaml.safe_dump(document, allow_unicode=True))
    contract = read_contract(file)
    assert contract.field_names == ("id", "Time.Stamp", *names)
    assert contract.columns == ("id", "Time.Stamp", *(column or name for name, column in names.items()))


def test_three_streams_ship_and_every_field_is_described() -> None:
    contracts = load_contracts()
    assert sorted(contracts) == ["job_tracking", "product_views", "web_logs"]
    for contract in contracts.values():
        assert contract.description
        assert all(field.description for field in contract.fields), contract.stream
        assert any(field.pii for field in contract.fields), contract.stream


@pytest.mark.parametrize(
    ("found", "instead", "message"),
    [
        (
            "kind: DataContract",
            "kind: Dashboard",
            ":2: kind: found 'Dashboard'; write DataContract.",
        ),
        (
            "apiVersion: v3.0.2",
            "apiVersion: v2.2.0",
            r":1: apiVersion: found 'v2.2.0'; write a text that matches ^v3\.\d+\.\d+$.",
        ),
        (
            "version: 1.0.0",
            "version: 1.0",
            ":4: version: found 1.0; write a value of type string.",
        ),
        ("status: active\n", "", ":1: the file: status is missing; add it."),
        (
            "  - name: things",
            "  - name: Things",
            ":7: schema[0].name: found 'Things'; write a text that matches ^[a-z][a-z0-9_]{0,39}$.",
        ),
        (
            "  - name: things",
            "  - name: loads",
            ":7: schema[0].name: 'loads' is a table of the ledger; give the stream another name.",
        ),
        (
            "  - name: things",
            "  - name: web_logs_20261128",
            ":7: schema[0].name: 'web_logs_20261128' ends like the partition of a day of another stream; "
            "give the stream another name.",
        ),
        (
            "physicalName: shop.things-v1",
            "physicalName: ..",
            ":8: schema[0].physicalName: '..' is no name that Kafka allows; write another.",
        ),
        (
            "      - name: id",
            "      - name: ctid",
            ":11: schema[0].properties[0].name: 'ctid' is a column that Postgres gives every table; "
            "add `physicalName:` with another name for its column.",
        ),
        (
            "      - name: id",
            "      - name: Load_ID",
            ":11: schema[0].properties[0].name: 'Load_ID' is a column that every landing table has; "
            "add `physicalName:` with another name for its column.",
        ),
        (
            "        description: The event key.\n",
            "",
            ":11: schema[0].properties[0]: description is missing; add it.",
        ),
        (
            "classification: personal",
            "classification: secret",
            ":16: schema[0].properties[1].classification: found 'secret'; write one of: personal, public, internal.",
        ),
        (
            "classification: personal",
            "type: text",
            ":14: schema[0].properties[1]: type is not known here; "
            "use: name, physicalName, logicalType, description, examples, classification, customProperties.",
        ),
        (
            "classification: personal",
            "customProperties: [{ property: enrichment, value: browser }]",
            ":16: schema[0].properties[1].customProperties[0].value: found 'browser'; "
            "write one of: user_agent, ip, referrer.",
        ),
        (
            "classification: personal",
            "customProperties: [{ property: identifies, value: ip }]",
            ":16: schema[0].properties[1].customProperties[0].value: found 'ip'; write one of: user, device, email.",
        ),
        (
            "classification: personal",
            "customProperties: [{ property: enriched, value: ip }]",
            ":16: schema[0].properties[1].customProperties[0].property: found 'enriched'; "
            "write one of: enrichment, identifies.",
        ),
        (
            "- name: Time.Stamp",
            "- name: id",
            ":14: schema[0].properties[1].name: field 'id' stands here twice; remove one.",
        ),
        (
            "- name: Time.Stamp",
            "- name: ID",
            ":14: schema[0].properties[1].name: 'ID' differs from the column 'id' in upper and lower case only; "
            "add `physicalName:` with another name for its column.",
        ),
        (
            "- name: Time.Stamp",
            "- name: kafka_offset",
            ":14: schema[0].properties[1].name: 'kafka_offset' is a column that every landing table has; "
            "add `physicalName:` with another name for its column.",
        ),
        (
            "- name: Time.Stamp",
            "- name: extra\n        physicalName: xmin",
            ":15: schema[0].properties[1].physicalName: 'xmin' is a column that Postgres gives every table; "
            "write another name.",
        ),
        (
            "- name: Time.Stamp",
            "- name: extra\n        physicalName: id",
            ":15: schema[0].properties[1].physicalName: 'id' is the column of another field; write another name.",
        ),
        (
            "- name: Time.Stamp",
            f"- name: {'ü' * 32}",
            f":14: schema[0].properties[1].name: {'ü' * 32!r} has 64 bytes, and Postgres cuts a column's name at 63; "
            "add `physicalName:` with another name for its column.",
        ),
        (
            "- name: Time.Stamp",
            "- name: ''",
            ":14: schema[0].properties[1].name: found ''; "
            "write a name of at least one character, and none that Postgres cannot store.",
        ),
        (
            "- name: Time.Stamp",
            '- name: "a\\0b"',
            ":14: schema[0].properties[1].name: found 'a\\x00b'; "
            "write a name of at least one character, and none that Postgres cannot store.",
        ),
        (
            "value: [id]",
            "value: [id, [Time.Stamp, key]]",
            ":19: customProperties[0].value: 'key' is no field of this contract; write one of: Time.Stamp, id.",
        ),
        (
            "value: [id]",
            "value: [[id]]",
            ":19: customProperties[0].value[0]: found ['id']; write at least 2 values here, or the one as a text.",
        ),
        (
            "value: [id]",
            "value: [[id, id]]",
            ":19: customProperties[0].value[0]: found ['id', 'id']; write each of them once.",
        ),
        (
            "value: [id]",
            "value: [5]",
            ":19: customProperties[0].value[0]: found 5; write a value of type string or array.",
        ),
        (
            "value: Time.Stamp",
            "value: [meta, at]",
            ":21: customProperties[1].value: 'meta' is no field of this contract; write one of: Time.Stamp, id.",
        ),
        (
            "value: epoch_seconds",
            "value: format",
            ":18: customProperties: property 'eventTimeFormat' is missing; "
            "add `- property: eventTimeFormat` with its value.",
        ),
        (
            "value: epoch_seconds",
            "value: epoch_seconds\n  - property: eventTimeFormat\n    value: YYYY-MM-DD",
            ":18: customProperties: eventTimeFormat says nothing where eventTimeUnit is epoch_seconds; "
            "write format there, or remove it.",
        ),
        (
            "value: epoch_seconds",
            "value: epoch_seconds\n  - property: eventTimeZone\n    value: Europe/Berlin",
            ":18: customProperties: eventTimeZone says nothing where eventTimeUnit is epoch_seconds, "
            "whose times have none; remove it.",
        ),
        (
            "value: epoch_seconds",
            "value: iso8601\n  - property: eventTimeZone\n    value: CET+1",
            ":25: customProperties[3].value: found 'CET+1'; write the name of a zone like Europe/Berlin.",
        ),
        (
            "value: epoch_seconds",
            "value: format\n  - property: eventTimeFormat\n    value: YYYY-MM-DDTHH24:MI",
            ":25: customProperties[3].value: 'YYYY-MM-DDTHH24:MI' is no template: 'T' is none of the words "
            "YYYY, YY, MM, Mon, Month, DD, Dy, Day, HH24, HH12, AM, MI, SS, MS, US, TZH, TZM; "
            'write text of its own in double quotes, such as "T".',
        ),
        (
            "value: [id]",
            "value: [key]",
            ":19: customProperties[0].value: 'key' is no field of this contract; write one of: Time.Stamp, id.",
        ),
        (
            "value: Time.Stamp",
            "value: time",
            ":21: customProperties[1].value: 'time' is no field of this contract; write one of: Time.Stamp, id.",
        ),
        (
            "value: epoch_seconds",
            "value: epoch_days",
            ":23: customProperties[2].value: found 'epoch_days'; write one of: epoch_seconds, epoch_milliseconds, "
            "epoch_microseconds, epoch_nanoseconds, iso8601, uuid_v1, format.",
        ),
        (
            "value: 1000",
            "value: 1 MB",
            ":25: customProperties[3].value: found '1 MB'; write a value of type integer.",
        ),
        (
            "  - property: eventTimeUnit\n    value: epoch_seconds\n",
            "",
            ":18: customProperties: property 'eventTimeUnit' is missing; "
            "add `- property: eventTimeUnit` with its value.",
        ),
        (
            "property: maxValueBytes",
            "property: maxBytes",
            ":24: customProperties[3].property: found 'maxBytes'; "
            "write one of: eventKey, eventTime, eventTimeUnit, eventTimeFormat, eventTimeZone, maxValueBytes.",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line_its_path_and_what_to_write(
    file: Path, found: str, instead: str, message: str
) -> None:
    assert mistake(file, found, instead) == f"{file}{message}"


def test_a_file_that_is_no_yaml_is_told_with_its_line(file: Path) -> None:
    message = mistake(file, "kind: DataContract", "kind: [")
    assert message == f"{file}:4: not readable as YAML: did not find expected ',' or ']'."


@pytest.mark.parametrize("content", ["", "- a\n- b\n", "just a text"])
def test_a_file_that_is_no_contract_at_all_is_told_so(file: Path, content: str) -> None:
    file.write_text(content)
    with pytest.raises(ContractError, match=r"the file: found .*; write a value of type object"):
        read_contract(file)


def test_a_file_that_is_missing_is_told_by_name(file: Path) -> None:
    with pytest.raises(ContractError, match=r"things\.yaml: not readable"):
        read_contract(file)


def changed(**entity: Any) -> str:
    """The valid contract with other entries in its schema."""
    document = yaml.safe_load(VALID)
    document["schema"][0] |= entity
    return yaml.safe_dump(document)


def test_two_contracts_cannot_share_a_stream_or_a_topic(file: Path) -> None:
    file.write_text(VALID)
    second = file.with_name("z_second.yaml")
    shared_topics = ("shop.things-v1", "shop_things-v1")  # Kafka refuses the second beside the first
    for text in (
        changed(physicalName="other"),
        *(changed(name="other", physicalName=topic) for topic in shared_topics),
    ):
        second.write_text(text)
        with pytest.raises(
            ContractError, match=r"z_second\.yaml: stream or topic is that of another contract \(things\)"
        ):
            load_contracts(file.parent)
    second.write_text(changed(name="other", physicalName="other"))
    assert sorted(load_contracts(file.parent)) == ["other", "things"]


def test_a_folder_without_contracts_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"no contract here; write one <stream>\.yaml for each stream"):
        load_contracts(tmp_path)


def test_a_stream_is_expected_as_often_as_its_contract_says(file: Path) -> None:
    file.write_text(VALID)
    assert read_contract(file).expected_every_seconds is None
    file.write_text(VALID + "slaProperties: [{ property: frequency, value: 1.5, unit: h }]\n")
    assert read_contract(file).expected_every_seconds == 5_400
    file.write_text(VALID + "slaProperties: [{ property: frequency, value: 0, unit: h }]\n")
    with pytest.raises(ContractError, match=r"slaProperties\[0\]\.value: 0 is less than or equal to"):
        read_contract(file)


def test_dbt_expects_a_stream_as_often_as_its_contract_says() -> None:
    sources = yaml.safe_load((DBT_PROJECT / "models" / "staging" / "_staging__sources.yml").read_text())["sources"]
    tables = next(source["tables"] for source in sources if source["name"] == "landing")
    seconds = {"minute": 60, "hour": 3_600, "day": 86_400}
    late = {table["name"]: table["config"]["freshness"]["warn_after"] for table in tables}
    assert {name: after["count"] * seconds[after["period"]] for name, after in late.items()} == {
        stream: contract.expected_every_seconds for stream, contract in load_contracts().items()
    }
