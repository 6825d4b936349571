"""Simulation and replay into a real Kafka."""

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition

from landfall.errors import UserError
from landfall.kafka_settings import KafkaSettings
from landfall.settings import Settings
from landing_stream.contract import load_contracts
from simulator.mixture import Shares
from simulator.replay import replay
from simulator.simulation import STREAMS, Options, ticks

LANDFALL = str(Path(sys.executable).parent / "landfall")
JOBS = load_contracts()["job_tracking"]

Message = tuple[bytes | None, bytes | None]
Ends = dict[int, int]


class Topics:
    """Reads topics from an offset on."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer

    def ends(self, topic: str) -> Ends:
        """The next offset of each partition; the leaders of a topic just made may need a moment."""
        partitions = self._consumer.list_topics(topic, timeout=10).topics[topic].partitions
        return {number: self._end(TopicPartition(topic, number)) for number in partitions}

    def _end(self, partition: TopicPartition) -> int:
        deadline = time.monotonic() + 120
        while True:
            try:
                return self._consumer.get_watermark_offsets(partition, timeout=10)[1]
            except KafkaException:
                if time.monotonic() > deadline:
                    raise

    def since(self, topic: str, begin: Ends) -> list[Message]:
        """Every message behind `begin`, partition by partition in their order."""
        end = self.ends(topic)
        self._consumer.assign([TopicPartition(topic, number, offset) for number, offset in begin.items()])
        wanted = sum(end.values()) - sum(begin.values())
        found: dict[int, list[Message]] = {number: [] for number in end}
        deadline = time.monotonic() + 120
        while sum(map(len, found.values())) < wanted:
            assert time.monotonic() < deadline, f"{topic}: {wanted} messages expected, {found} found"
            for message in self._consumer.consume(1_000, timeout=0.2):
                assert message.error() is None
                found[message.partition() or 0].append((message.key(), message.value()))
        return [message for number in sorted(found) for message in found[number]]


@pytest.fixture
def topics(settings: Settings) -> Iterator[Topics]:
    consumer = Consumer({**settings.kafka.client_config(), "group.id": "simulator-tests", "enable.auto.commit": False})
    yield Topics(consumer)
    consumer.close()


@pytest.fixture
def environ(settings: Settings, environ_of: Callable[[Settings], dict[str, str]]) -> dict[str, str]:
    return environ_of(settings)


def test_what_simulate_reports_is_what_is_in_the_topics(topics: Topics, environ: dict[str, str]) -> None:
    before = {stream: topics.ends(stream) for stream in STREAMS}
    arguments = (
        "--count 3000 --seed 4 --start 2025-06-15T15:00:00Z --late 0.1 --duplicates 0.05 --malformed 0.05 --json"
    )
    done = subprocess.run(
        [LANDFALL, "simulate", *arguments.split()], env=environ, capture_output=True, text=True, timeout=90, check=True
    )
    summary = json.loads(done.stdout)
    options = Options(count=3_000, seed=4, start=1_749_999_600.0, shares=Shares(0.1, 0.05, 0.05))
    expected: dict[str, Counter[Message]] = {stream: Counter() for stream in STREAMS}
    for tick in ticks(options):
        for stream, batch in tick.batches.items():
            expected[stream].update(zip(batch.keys, batch.values, strict=True))
    for stream in STREAMS:
        found = topics.since(stream, before[stream])
        assert len(found) == summary["streams"][stream]["produced"]
        assert Counter(found) == expected[stream]
    assert summary["produced"] == 3_000
    assert summary["failed"] == 0
    assert summary["duplicates"] > 0
    assert summary["late"] > 0
    assert len(summary["malformed"]) == 6


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_simulation_ends_well_and_counts_what_kafka_has(
    topics: Topics, environ: dict[str, str], number: signal.Signals
) -> None:
    before = topics.ends("web_logs")
    process = subprocess.Popen(
        [LANDFALL, "simulate", "--stream", "web_logs", "--rate", "400", "--json"],
        env=environ,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 120
        while sum(topics.ends("web_logs").values()) < sum(before.values()) + 100:
            assert time.monotonic() < deadline, "nothing was produced"
            assert process.poll() is None
        process.send_signal(number)
        stdout, _ = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 0
    assert json.loads(stdout)["produced"] == len(topics.since("web_logs", before))


def test_a_rate_is_kept(topics: Topics, environ: dict[str, str]) -> None:
    done = subprocess.run(
        [LANDFALL, "simulate", "--stream", "job_tracking", "--rate", "200", "--duration", "2", "--json"],
        env=environ,
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    summary = json.loads(done.stdout)
    assert summary["produced"] == 400
    assert summary["seconds"] >= 1.9


def test_replay_produces_in_file_order_with_the_event_key(
    settings: Settings, topics: Topics, make_topic: Callable[..., str], tmp_path: Path
) -> None:
    contract = replace(JOBS, topic=make_topic(partitions=1))
    path = tmp_path / "events.csv"
    path.write_text("create_time,bid\n" + "".join(f"id{number},\n" for number in range(3_000)))
    done = replay(settings, contract, path)
    found = topics.since(contract.topic, {0: 0})
    assert (done.produced, done.failed) == (3_000, 0)
    assert [key for key, _ in found] == [b"id%d" % number for number in range(3_000)]
    assert found[7][1] == b'{"create_time":"id7","bid":null}'


def test_replay_may_be_shuffled_limited_and_paced(
    settings: Settings, topics: Topics, make_topic: Callable[..., str], tmp_path: Path
) -> None:
    contract = replace(JOBS, topic=make_topic(partitions=1))
    path = tmp_path / "events.jsonl"
    path.write_text("".join(f'{{"create_time":"{number}"}}\n' for number in range(500)))
    replay(settings, contract, path, shuffle=3)
    done = replay(settings, contract, path, rate=500, limit=250)
    values = [value for _, value in topics.since(contract.topic, {0: 0})]
    straight = path.read_bytes().splitlines()
    assert values[:500] != straight
    assert sorted(values[:500], key=str) == sorted(straight, key=str)
    assert values[500:] == straight[:250]
    assert done.seconds >= 0.4


def test_replay_as_typed_says_how_much_it_did(environ: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"event_id":"a"}\nno record\n')
    done = subprocess.run(
        [LANDFALL, "replay", "web_logs", str(path)],
        env=environ,
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    assert done.stdout.startswith("web_logs: 2 records of events.jsonl produced")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["replay", "no_stream", "x.csv"], "There is no stream 'no_stream': did you mean"),
        (["replay", "web_logs", "absent.csv"], "absent.csv: there is no such file"),
        (["simulate", "--late", "0.7", "--malformed", "0.7"], "together at most 1"),
        (["simulate", "--count", "1", "--start", "soon"], "--start is 'soon': write an instant such as"),
    ],
)
def test_a_mistake_gets_one_clear_sentence(environ: dict[str, str], arguments: list[str], sentence: str) -> None:
    asked = subprocess.run([LANDFALL, *arguments], env=environ, capture_output=True, text=True, timeout=90, check=False)
    assert asked.returncode == 1
    assert sentence in asked.stderr
    assert "Traceback" not in asked.stderr


def test_a_record_that_kafka_does_not_take_fails_the_replay(
    settings: Settings, make_topic: Callable[..., str], tmp_path: Path
) -> None:
    path = tmp_path / "events.jsonl"
    noise = random.Random(1).randbytes(2_000_000).hex()  # what does not shrink when it is compressed
    path.write_text(f'{{"create_time":"a"}}\n{{"create_time":"b","dt":"{noise}"}}\n')
    done = replay(settings, replace(JOBS, topic=make_topic()), path)
    assert (done.produced, done.failed) == (1, 1)
    assert "large" in done.trouble


def test_a_topic_that_does_not_exist_is_named(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"{}\n")
    with pytest.raises(UserError, match="has no topic nowhere: run `landfall up`"):
        replay(settings, replace(JOBS, topic="nowhere"), path)


def test_a_kafka_that_does_not_answer_is_a_sentence(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"{}\n")
    away = replace(settings, kafka_or_none=KafkaSettings("127.0.0.1:1"))
    with pytest.raises(UserError, match=r"Kafka at 127\.0\.0\.1:1 does not answer"):
        replay(away, JOBS, path)
