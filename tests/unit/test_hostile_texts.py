"""What a stranger sends is data wherever it meets a language: the same hostile texts through every door."""

from __future__ import annotations

import datetime as dt
import json
import logging
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO

import pytest
from markdown_it import MarkdownIt
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console

from cli.demo.kpis import KpiTable, shown
from cli.demo.observer import View
from cli.demo.refreshes import Refreshes
from cli.demo.screen import Moment, drawn, plain_lines
from cli.status_report import Report, Server
from cli.status_screen import as_text
from health.alerts import News, Rules, Trouble, observe
from health.findings import Finding
from health.messages import as_json, as_slack_blocks
from health.notify import Slack
from landfall.errors import UserError
from landfall.logs import JsonFormatter, configure_logging, safe_message
from landfall.plain_text import printable, shortened
from landfall.services import ServiceRecord
from monitoring.catalogue import family
from orchestration.charts import picture
from orchestration.health import described
from reports.catalog import CHARTS
from reports.chart import Rows
from reports.style import draw, label, png
from reports.write import figure_html

CLIPBOARD = "\x1b]52;c;cm0gLXJmIH4=\x07"
HOSTILE = [
    "$\\frac{$",
    "$_$",
    "US$ 5 $",
    "</figcaption><script>alert(1)</script>",
    '" onerror="alert(1)',
    "](https://evil.example) ![x](data:text/html;base64,)",
    "<!channel> <https://evil.example|click> & co",
    CLIPBOARD,
    "\x1b[2J\x1b[1;1HAll is well",
    "\x9b2J",
    "a\nerror        everything: all is lost",
    "a\r\nb\vc\fd\u2028e\u2029f\x85g",
    "gpj.\u202eexe\u2066",
    "[bold red]x[/nothing]",
    '"} 1\nlandfall_up{source="x"} 1\n#',
    "=cmd|' /C calc'!A0",
    "'; drop table marts.kpi; --",
    "{{ var('x') }} {% raw %} %(day)s {name} %s ${HOME} $(id) `id`",
    "\ud800 alone",
    "\u200b\ufeff\u00ad",
    "é 東京 👍 \u00a0",
    "x" * 5_000,
]
each_text = pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
NOON = dt.datetime(2026, 11, 27, 12, tzinfo=dt.UTC)


def assert_is_only_seen(line: str) -> None:
    """Nothing in the line acts on a terminal, nor ends it."""
    assert printable(line) == line
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]", line)
    assert len(line.splitlines()) <= 1
    line.encode("utf-8")


@each_text
def test_a_printable_text_is_one_line_that_only_shows_something(text: str) -> None:
    assert_is_only_seen(printable(text))
    assert len(shortened(text, 10)) <= 10
    assert printable("é 東京 👍 a\\b") == "é 東京 👍 a\\b", "what can be seen stays as it was sent"


@each_text
def test_a_picture_shows_it_as_it_was_sent(text: str) -> None:
    count = {"views": 3, "human_views": 2, "all_views": 5, "rank": 1, "requests": 5, "action_count": 3}
    share = {"action_ratio": 0.6, "human_action_ratio": 0.5, "human_action_count": 2}
    bot = {"address": text, "busiest_minute": 3, "minutes": 1, "addresses": 2, "all_requests": 5}
    row = {"event_date": NOON.date(), "name": text, "action": text, **count, **share, **bot}
    rows: Rows = [row, {**row, "name": "other", "action": "other", "address": "other"}]
    for name in ("top_products", "top_countries", "action_ratios", "bot_ips"):
        chart = CHARTS[name]
        figure = draw(chart, rows, None, "UTC")
        assert png(figure).startswith(b"\x89PNG")
        names = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
        assert names[0] == label(text)
        assert not any(tick.get_parse_math() for tick in figure.axes[0].get_yticklabels())
        assert not any(around.get_parse_math() for around in figure.texts)


class Page(HTMLParser):
    """The tags of a page, and what its picture says."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, str | None] = {}
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "img":
            self.attributes = dict(attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


@each_text
def test_a_page_has_no_tag_more_nor_an_attribute(text: str) -> None:
    page = Page()
    page.feed(figure_html("chart", text, text, []))
    assert page.tags == ["figure", "img", "figcaption"]
    assert [*page.attributes] == ["src", "alt"]
    assert page.attributes["alt"] == text


@each_text
def test_markdown_in_dagster_holds_nothing_of_it(text: str) -> None:
    chart = replace(CHARTS["top_products"], finding=lambda rows: text)
    assert picture(chart, b"png").value == f"![{chart.question}](data:image/png;base64,cG5n)"


@each_text
def test_what_a_check_says_in_dagster_is_no_markup(text: str) -> None:
    finding = Finding("hosts", "web_logs", (), "warn", f"Host {text} is unknown.", "See `landfall status`.")
    shown = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(described(finding))
    page = Page()
    page.feed(shown)
    assert set(page.tags) <= {"p", "code"}
    assert "See <code>landfall status</code>." in shown or "`" in text
    if "`" not in text:
        assert page.text.strip() == f"Host {printable(text)} is unknown. See landfall status."


def news(text: str) -> list[News]:
    """An alert about a host that an event named."""
    trouble = Trouble("hosts", text, "warn", f"Host {text} is not known.", f"Map {text}.", at_once=True)
    return [News("new", alert) for alert in observe([], [trouble], NOON, Rules())]


class Client:
    """In place of Slack's own, keeps what it was to send."""

    status_code, body = 200, ""

    def send(self, **message: object) -> Client:
        self.message = message
        return self


@each_text
def test_slack_is_told_no_mention_and_no_link(text: str) -> None:
    slack = Slack("https://hooks.example/services/x")
    slack._client = client = Client()  # type: ignore[assignment]
    slack.send(news(text), NOON)
    said = json.dumps([client.message["text"], as_slack_blocks(news(text))], ensure_ascii=False)
    assert not re.search(r"[<>]", said)
    assert not re.search(r"&(?!amp;|lt;|gt;)", said)
    for line in str(client.message["text"]).splitlines():
        assert_is_only_seen(line)
    assert len(str(client.message["text"]).splitlines()) == 2, "the headline and one line"


@each_text
def test_a_webhook_is_told_it_as_it_was_sent(text: str) -> None:
    (alert,) = json.loads(json.dumps(as_json(news(text), NOON)))["alerts"]
    assert alert["subject"] == text


@each_text
def test_the_status_screen_shows_it_in_its_own_line(text: str) -> None:
    found = Finding("hosts", text, (), "warn", f"Host {text}.", f"Map {text}.", 1.0)
    service = ServiceRecord(text, keeper=1, keeper_began=0.0)
    screen = as_text(Report("/home", {"kafka": Server(text, False, text)}, (service,), findings=[found]))
    for line in screen.splitlines():
        assert_is_only_seen(COLOURS.sub("", line))
    assert not [line for line in COLOURS.sub("", screen).splitlines() if line.startswith("error ")]


@each_text
def test_an_error_is_one_line(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    UserError(f"{text}.jsonl cannot be read.").show()
    written = capsys.readouterr().err
    assert written.startswith("landfall: ")
    assert_is_only_seen(written.removesuffix("\n"))


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], list[str]]:
    """logged(format, text): the lines of a log that says it, as message, as field and as an error's words."""

    def write(log_format: str, text: str) -> list[str]:
        stream = StringIO()
        monkeypatch.setattr("sys.stderr", stream)
        before = logging.getLogger().handlers[:]
        try:
            configure_logging(log_format)
            logging.getLogger("landfall").warning("file %s", text, extra={"host": text})
            logging.getLogger("landfall").warning("stopped: %s", safe_message(ValueError(text)))
        finally:
            logging.getLogger().handlers[:] = before
            logging.captureWarnings(False)
        return stream.getvalue().removesuffix("\n").split("\n")

    return write


@each_text
def test_a_log_gets_one_line_a_record(text: str, logged: Callable[[str, str], list[str]]) -> None:
    for line in (lines := logged("text", text)):
        assert_is_only_seen(line)
    assert len(lines) == 2


@each_text
def test_a_json_log_gets_one_object_a_record(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    record = logging.makeLogRecord({"msg": "file %s", "args": (text,), "host": text, "levelname": "INFO"})
    line = JsonFormatter().format(record)
    assert_is_only_seen(line)
    assert json.loads(line)["message"] == f"file {text}"
    assert json.loads(line)["host"] == text


@each_text
def test_the_demo_shows_it_in_its_cell(text: str) -> None:
    kpi = KpiTable("Products", "kpi", ("rank", "product"), (("1", shown(text)), ("2", "other")))
    moment = Moment(View((), (kpi,), Refreshes()), 1.0, "Landfall demo", "models refreshed", text)
    console = Console(file=StringIO(), width=200, force_terminal=False)
    console.print(drawn(moment, 200))
    assert isinstance(console.file, StringIO)
    for line in [*console.file.getvalue().splitlines(), *map(printable, plain_lines(moment))]:
        assert_is_only_seen(line)
    assert shown(text).split()[0] in console.file.getvalue(), "no markup of rich's"


class Samples:
    """A collector of one metric with this label."""

    def __init__(self, text: str) -> None:
        self._text = text

    def collect(self) -> list[Metric]:
        return [family("landfall_health_finding", {("hosts", self._text, "warn"): 1})]


@each_text
def test_prometheus_reads_one_sample_with_that_label(text: str) -> None:
    registry = CollectorRegistry()
    storable = text.replace("\ud800", "")  # Postgres holds no surrogate
    registry.register(Samples(storable))
    exposed = generate_latest(registry).decode("utf-8")
    (metric,) = text_string_to_metric_families(exposed)
    assert [sample.labels["subject"] for sample in metric.samples] == [storable]
