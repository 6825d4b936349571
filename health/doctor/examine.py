"""Makes every check beside the others, each within its bound: a silent host holds up nothing but what needs it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from threading import Thread

from health.doctor.check import DoctorCheck, error
from health.doctor.deployment import Deployment
from health.findings import Finding, Severity, worst
from landfall.errors import UserError

Answers = SimpleQueue[tuple[str, list[Finding]]]


@dataclass(frozen=True)
class Examined:
    """What became of one check."""

    check: DoctorCheck
    findings: tuple[Finding, ...]
    seconds: float
    because: tuple[str, ...] = ()
    """Checks that it needs and that are not well, for which nothing was asked."""

    @property
    def is_well(self) -> bool:
        return not self.because and all(found.severity == "ok" for found in self.findings)


def worst_of(examined: Iterable[Examined]) -> Severity:
    """The highest severity among all findings."""
    return worst(found for each in examined for found in each.findings)


def examine(deployment: Deployment, checks: Iterable[DoctorCheck]) -> list[Examined]:
    """What every check finds, in their order. Takes as long as the longest of them, and no longer than its bound and
    the bounds of those that it needs.

    A thread that waits for a silent host stays behind: it is a daemon's, and ends with the process.
    """
    ordered = list(checks)
    waiting, running, done = {check.name: check for check in ordered}, dict[str, float](), dict[str, Examined]()
    known = {check.name: check for check in ordered}
    answers: Answers = SimpleQueue()
    secrets = deployment.secrets()
    while len(done) < len(ordered):
        for check in [each for each in waiting.values() if all(name in done for name in each.needs)]:
            del waiting[check.name]
            if because := tuple(name for name in check.needs if not done[name].is_well):
                done[check.name] = Examined(check, (), 0.0, because)
                continue
            running[check.name] = time.monotonic()
            Thread(target=ask, args=(check, deployment, answers), name=check.name, daemon=True).start()
        if not running:
            continue
        next_bound = min(started + known[name].seconds for name, started in running.items())
        try:
            name, findings = answers.get(timeout=max(next_bound - time.monotonic(), 0.01))
        except Empty:
            late = [name for name, started in running.items() if time.monotonic() - started >= known[name].seconds]
            answered = [(name, [silent(known[name], deployment)]) for name in late]
        else:
            answered = [(name, findings)]
        for name, findings in answered:
            if (started_at := running.pop(name, None)) is not None:
                seconds = time.monotonic() - started_at
                done[name] = Examined(known[name], shown(known[name], findings, secrets), seconds)
    return [done[check.name] for check in ordered]


def ask(check: DoctorCheck, deployment: Deployment, answers: Answers) -> None:
    """Make one check, whatever comes of it."""
    try:
        findings = check.find(deployment)
    except BaseException as wrong:
        findings = [not_made(check, wrong)]
    answers.put((check.name, findings))


def not_made(check: DoctorCheck, wrong: BaseException) -> Finding:
    """The finding in place of a check that failed."""
    if isinstance(wrong, UserError):
        return error(check.name, wrong.format_message(), "Do what it says, and ask again.")
    if isinstance(wrong, ImportError):
        return error(check.name, f"It could not be looked at: {wrong}.", "Run `make setup`, which installs it.")
    # Imported here: it asks psycopg, which may be what is missing.
    from landfall.failures import classify

    failure = classify(wrong)
    return error(check.name, f"It could not be looked at: {failure.sentence}", failure.advice or "Ask again.")


def silent(check: DoctorCheck, deployment: Deployment) -> Finding:
    """The finding about a host that said nothing."""
    whom, advice = who_answers(check, deployment)
    return error(check.name, f"{whom} did not answer within {check.seconds:g} s.", advice)


def who_answers(check: DoctorCheck, deployment: Deployment) -> tuple[str, str]:
    """Who has to answer a check, and what to do where it does not."""
    settings = deployment.settings_or_none
    if check.of == "postgres" and settings and settings.dsns:
        from database.connect import address

        return (
            f"Postgres at {address(settings.as_transformer)}",
            "Look at the server and at the network between, which may drop packets; LANDFALL_POSTGRES_DSN says where"
            " it is.",
        )
    if check.of == "kafka" and settings and settings.kafka_or_none:
        return (
            f"Kafka at {settings.kafka.bootstrap_servers}",
            "Look at the brokers and at the network between, which may drop packets;"
            " LANDFALL_KAFKA_BOOTSTRAP_SERVERS says where they are.",
        )
    return "This machine", "Look at its load, and at disks of its own or of the network that do not answer."


def shown(check: DoctorCheck, findings: Iterable[Finding], secrets: Sequence[str]) -> tuple[Finding, ...]:
    """Findings under their check's name, with each secret hidden."""

    def clean(text: str) -> str:
        for secret in secrets:
            text = text.replace(secret, "***")
        return text

    return tuple(
        replace(found, check=check.name, message=clean(found.message), advice=clean(found.advice)) for found in findings
    )
