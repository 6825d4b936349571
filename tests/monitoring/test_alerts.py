"""The alert rules speak of metrics that exist, say what to do, and are tested; `make check-alerts` runs promtool."""

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from landfall.errors import UserError
from landfall.layout import PROJECT
from monitoring.catalogue import CATALOGUE
from monitoring.promtool import check, promtool

MONITORING = PROJECT / "monitoring"
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((MONITORING / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]


def metrics_in(promql: str) -> set[str]:
    """Names of Landfall's metrics in an expression, as the catalogue has them."""
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"\blandfall_\w+", promql)}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_asks_for_metrics_that_exist_and_says_what_to_do(rule: dict[str, Any]) -> None:
    assert metrics_in(rule["expr"]) <= set(CATALOGUE)
    assert set(rule["annotations"]) == {"summary", "description", "action"}
    assert rule["labels"]["severity"] in ("warning", "critical")


def test_each_rule_is_seen_to_fire_and_to_keep_quiet() -> None:
    seen: dict[str, set[bool]] = defaultdict(set)
    for case in yaml.safe_load((MONITORING / "alerts_test.yml").read_text(encoding="utf-8"))["tests"]:
        for asked in case["alert_rule_test"]:
            seen[asked["alertname"]].add(bool(asked.get("exp_alerts")))
    assert seen == {rule["alert"]: {True, False} for rule in RULES}


def test_the_readme_lists_every_alert() -> None:
    readme = (MONITORING / "README.md").read_text(encoding="utf-8")
    assert {rule["alert"] for rule in RULES} == set(re.findall(r"`(Landfall\w+)`", readme))


@pytest.mark.parametrize("wrong", ["alerts_test.yml", "alerts.yml"])
def test_what_promtool_finds_wrong_fails_the_check(tmp_path: Path, wrong: str) -> None:
    tool = tmp_path / "promtool"
    tool.write_text(f'#!/bin/sh\n[ "$3" != {wrong} ]\n', encoding="ascii")
    tool.chmod(0o755)
    assert check(tool) == 1


def test_without_promtool_and_apt_one_sentence_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="install prometheus"):
        promtool(tmp_path / "promtool")


def test_what_apt_could_not_bring_is_said_and_leaves_no_half_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, script in {"apt-get": "echo 'E: no network' >&2; exit 100", "dpkg-deb": "exit 0"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="E: no network"):
        promtool(tmp_path / "build" / "promtool")
    assert not (tmp_path / "build" / "promtool").exists()
