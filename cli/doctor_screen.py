"""What `landfall doctor` found, as one screen of text or as one object."""

import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from cli.status_screen import COLOURS, MARGIN, NOT_WELL
from health.doctor.deployment import Deployment
from health.doctor.examine import Examined, worst_of
from health.findings import Finding
from landfall.plain_text import printable
from landfall.wording import counted, listed

SHOWN = 6
"""Of findings for which the same is to be done, how many are shown in their own words."""


def as_text(deployment: Deployment, examined: Sequence[Examined], show_all: bool = False, width: int = 110) -> str:
    """Headline, each thing that is not well with what to do, what is well, and what could not be asked.

    With colours, which click leaves out where the output is no terminal. `width`: columns of the terminal.
    """
    findings = [found for each in examined for found in each.findings]
    shown = [found for found in findings if show_all or found.severity in NOT_WELL]
    worst = worst_of(examined)
    lines = [
        click.style(headline(findings), fg=COLOURS[worst], bold=True),
        f"State folder: {printable(deployment.home)}",
    ]
    lines += [line for group in grouped(shown) for line in ["", *group_lines(group, width)]]
    good = [line for each in examined if each.is_well for line in good_lines(each, width)]
    lines += ["", *good] if good and not show_all else []
    left_out = left_out_lines(examined, width)
    lines += ["", *left_out] if left_out else []
    return "\n".join(lines)


def headline(findings: Sequence[Finding]) -> str:
    """How many findings there are of each severity."""
    found = [finding.severity for finding in findings]
    counts = [counted(found.count("error"), "error"), counted(found.count("warn"), "warning")]
    said = [count for count in counts if not count.startswith("0 ")]
    well = "Something is broken" if "error" in found else "Worth a look" if said else "Nothing stands in the way"
    return f"{well}: {', '.join([*said, counted(found.count('ok'), 'finding')])} well"


def grouped(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Findings of one check for which the same is to be done together, errors first; else in their own order."""
    groups: dict[tuple[str, str, str], list[Finding]] = {}
    for found in sorted(findings, key=lambda found: (*NOT_WELL, "ok").index(found.severity)):
        groups.setdefault((found.severity, found.check, found.advice), []).append(found)
    return list(groups.values())


def group_lines(group: Sequence[Finding], width: int) -> list[str]:
    """What is wrong, where, and what to do."""
    first = group[0]
    sign = click.style(f"{first.severity:<{MARGIN}}", fg=COLOURS[first.severity])
    if len({found.message for found in group}) == 1:
        said = [first.message]
    else:
        said = [f"{found.subject}: {found.message}" for found in group[:SHOWN]]
        said += [f"And {counted(len(group) - SHOWN, 'other')} like it."] if len(group) > SHOWN else []
    where = f"{first.check}: {listed([found.subject for found in group], 4)}"
    return hanging(sign, [where, *said, first.advice], width)


def good_lines(examined: Examined, width: int) -> list[str]:
    """A check that is well: what it saw, and of what else the same is true."""
    first, *others = examined.findings
    also = f" And so {listed([found.subject for found in others], 4)}." if others else ""
    named = f"{first.subject}: " if others else ""
    sign = click.style(f"{'ok':<{MARGIN}}", fg=COLOURS["ok"])
    return hanging(sign, [f"{examined.check.name}: {named}{first.message}{also}"], width)


def left_out_lines(examined: Sequence[Examined], width: int) -> list[str]:
    """Checks that were not made, by what they need."""
    by_reason: dict[tuple[str, ...], list[str]] = {}
    for each in examined:
        if each.because:
            by_reason.setdefault(each.because, []).append(each.check.name)
    return [
        line
        for because, names in by_reason.items()
        for line in hanging(
            f"{'-':<{MARGIN}}", [f"not asked, as {these(because)} to be well for it: {', '.join(names)}"], width
        )
    ]


def these(names: Sequence[str]) -> str:
    """`kafka has`, `kafka and contracts have`."""
    return f"{names[0]} has" if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]} have"


def hanging(sign: str, texts: Sequence[str], width: int) -> list[str]:
    """Texts beneath each other beside a sign."""
    shown = [printable(text) for text in texts]
    body = [line for text in shown for line in textwrap.wrap(text, max(width - MARGIN, 40), break_on_hyphens=False)]
    return [sign + body[0], *(" " * MARGIN + line for line in body[1:])]


def as_json_object(deployment: Deployment, examined: Sequence[Examined]) -> dict[str, Any]:
    """As `landfall doctor --json` prints it."""
    return {
        "health": worst_of(examined),
        "home": str(deployment.home),
        "checks": [
            {
                "name": each.check.name,
                "looks_at": each.check.looks_at,
                "bound_seconds": each.check.seconds,
                "seconds": round(each.seconds, 3),
                "not_asked_because": list(each.because),
                "findings": [
                    {
                        name: value
                        for name, value in asdict(found).items()
                        if name in ("subject", "severity", "message", "advice")
                    }
                    for found in each.findings
                ],
            }
            for each in examined
        ],
    }
