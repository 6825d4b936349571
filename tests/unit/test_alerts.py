"""When somebody is told, and in which words."""

import datetime as dt
import socket
from collections.abc import Sequence
from dataclasses import replace

import pytest

from health.alerts import Alert, News, Rules, Trouble, observe, troubles_of
from health.findings import SEVERITIES, Finding
from health.memory import from_text, to_text
from health.messages import MOST_CHARACTERS, as_slack_blocks, as_text
from health.notify import NotDelivered, Slack, Webhook
from health.tell import tell

START = dt.datetime(2026, 3, 28, 12, tzinfo=dt.UTC)
LATE = Trouble("data_age", "marts.kpi_x", "warn", "It is late.", "Refresh it.")
RULES = Rules(after_seconds=60, repeat_seconds=3_600)


class Listener:
    """A channel that keeps what it is told, or refuses it."""

    def __init__(self, name: str = "slack") -> None:
        self.name = name
        self.away = False
        self.heard: list[list[str]] = []

    def send(self, news: Sequence[News], now: dt.datetime) -> None:
        if self.away:
            raise NotDelivered("away")
        self.heard.append([f"{each.status} {each.alert.key}" for each in news])


class Story:
    """Looks at given seconds, with the alerts kept in between."""

    def __init__(self, *channels: Listener) -> None:
        self.channels = channels
        self.alerts: list[Alert] = []

    def look(self, second: float, *troubles: Trouble) -> None:
        now = START + dt.timedelta(seconds=second)
        tell(self.alerts, troubles, self.channels, now, RULES, self.keep)

    def keep(self, alerts: Sequence[Alert]) -> None:
        self.alerts = from_text(to_text(alerts))


def test_what_lasts_is_told_once_and_once_more_when_it_is_well_again() -> None:
    slack = Listener()
    story = Story(slack)
    for second in (0, 30, 60, 90, 120):
        story.look(second, LATE)
    assert slack.heard == [["new data_age/marts.kpi_x"]]
    for second in (150, 180, 210, 240, 270):
        story.look(second)
    assert slack.heard == [["new data_age/marts.kpi_x"], ["well data_age/marts.kpi_x"]]
    assert story.alerts == []


def test_what_comes_and_goes_is_not_told() -> None:
    slack = Listener()
    story = Story(slack)
    for second in range(0, 600, 60):
        story.look(second, LATE)
        story.look(second + 30)
    assert slack.heard == []


def test_what_is_well_for_a_moment_only_is_not_told_as_well_nor_as_new() -> None:
    slack = Listener()
    story = Story(slack)
    for second in (0, 60):
        story.look(second, LATE)
    story.look(90)
    for second in (120, 150, 180):
        story.look(second, LATE)
    assert slack.heard == [["new data_age/marts.kpi_x"]]


def test_it_is_told_again_when_it_gets_worse_and_after_hours() -> None:
    slack = Listener()
    story = Story(slack)
    for second in (0, 60):
        story.look(second, LATE)
    worse = replace(LATE, severity="error")
    story.look(90, worse)
    story.look(120, LATE)
    story.look(150, worse)
    story.look(90 + 3_600, worse)
    assert slack.heard == [
        ["new data_age/marts.kpi_x"],
        ["worse data_age/marts.kpi_x"],
        ["still data_age/marts.kpi_x"],
    ]


def test_a_failed_run_is_told_at_once() -> None:
    slack = Listener()
    Story(slack).look(0, replace(LATE, check="dagster_run", at_once=True))
    assert slack.heard == [["new dagster_run/marts.kpi_x"]]


def test_a_channel_that_is_away_hears_it_later_and_the_other_hears_nothing_twice() -> None:
    slack, webhook = Listener("slack"), Listener("webhook")
    slack.away = True
    story = Story(slack, webhook)
    for second in (0, 60, 90, 120):
        story.look(second, LATE)
    assert (slack.heard, webhook.heard) == ([], [["new data_age/marts.kpi_x"]])
    slack.away = False
    story.look(150, LATE)
    assert slack.heard == [["new data_age/marts.kpi_x"]]
    slack.away = True
    for second in (180, 240, 300):
        story.look(second)
    slack.away = False
    story.look(330)
    assert [heard[-1] for heard in (slack.heard, webhook.heard)] == [["well data_age/marts.kpi_x"]] * 2
    assert story.alerts == []


def test_all_news_of_a_look_are_one_message() -> None:
    slack = Listener()
    story = Story(slack)
    for second in (0, 60):
        story.look(second, LATE, replace(LATE, subject="marts.kpi_y"), replace(LATE, check="gaps", severity="error"))
    assert len(slack.heard) == 1
    assert len(slack.heard[0]) == 3


def test_what_shows_a_look_later_in_other_places_is_in_the_same_message() -> None:
    slack = Listener()
    story = Story(slack)
    elsewhere = replace(LATE, subject="marts.kpi_y")
    story.look(0, LATE)
    for second in (30, 60, 90):
        story.look(second, LATE, elsewhere, replace(LATE, check="gaps"))
    assert slack.heard == [["new data_age/marts.kpi_x", "new data_age/marts.kpi_y"], ["new gaps/marts.kpi_x"]]


def test_findings_below_the_severity_that_is_asked_for_are_no_alerts() -> None:
    findings = [Finding("data_age", f"marts.{severity}", (), severity, "", "") for severity in SEVERITIES]
    assert [trouble.subject for trouble in troubles_of(findings, Rules())] == ["marts.warn", "marts.error"]
    assert [trouble.subject for trouble in troubles_of(findings, Rules("error"))] == ["marts.error"]


def news(*troubles: Trouble) -> list[News]:
    alerts = observe([], [replace(trouble, at_once=True) for trouble in troubles], START, RULES)
    return [News("new", alert) for alert in alerts]


def test_similar_troubles_are_one_line() -> None:
    text = as_text(news(*(replace(LATE, subject=f"marts.kpi_{letter}") for letter in "abcdefg")))
    assert text.splitlines() == [
        "Landfall: 7 new (worst: warn)",
        "- new: data_age of marts.kpi_a, marts.kpi_b, marts.kpi_c, marts.kpi_d, marts.kpi_e and 2 more (warn)."
        " It is late. (6 others like it) Refresh it.",
    ]


def test_what_an_event_named_cannot_ping_or_link_in_slack_nor_burst_a_block() -> None:
    host = "<!channel> <https://evil.example|click> & co"
    blocks = as_slack_blocks(news(replace(LATE, message=host), replace(LATE, check="x", message="&" * 5_000)))
    sections = [block["text"]["text"] for block in blocks if block["type"] == "section"]
    assert "&lt;!channel&gt; &lt;https://evil.example|click&gt; &amp; co" in sections[0]
    assert len(sections) == 2
    assert max(map(len, sections)) <= MOST_CHARACTERS


@pytest.mark.parametrize("channel", [Slack, Webhook])
def test_the_secret_of_an_address_stands_in_no_error_and_no_log(
    channel: type[Slack] | type[Webhook], caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/services/SECRET"
        with caplog.at_level("DEBUG"), pytest.raises(NotDelivered) as refused:
            channel(url).send(news(LATE), START)
    assert "SECRET" not in str(refused.value) + caplog.text
    assert refused.value.__suppress_context__
    assert "Refused" in str(refused.value)
