"""Faults of the network, on each link: cut, slow, silent, and a commit whose answer is lost."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.fault_lab.lab import Lab, fault
from landfall.processes import wait_until

LAND_POSTGRES, LAND_KAFKA, REFRESH_POSTGRES = "landing–Postgres", "landing–Kafka", "refresh–Postgres"
LINKS = (LAND_POSTGRES, LAND_KAFKA, REFRESH_POSTGRES)

_LOSE_SECONDS = 120.0


def cut(lab: Lab, name: str) -> None:
    """Every connection is reset, and whoever connects, for up to eight seconds."""
    _strike(lab, name, lambda: lab.links[name].cut(), 0.5, 8)


def slow(lab: Lab, name: str) -> None:
    """Each piece of up to 64 KiB is held back by 50 to 400 ms, in both directions, for up to ten seconds."""
    delay = lab.rng.uniform(0.05, 0.4)
    _strike(lab, name, lambda: lab.links[name].slow(delay), 3, 10)


def silent(lab: Lab, name: str) -> None:
    """Half-open: connections stay, new ones are taken, and nothing passes for up to fifteen seconds; then a reset."""
    _strike(lab, name, lambda: lab.links[name].silence(), 2, 15)


def lost_commit(lab: Lab, name: str) -> None:
    """The server makes one to three commits, and its answers never come: the client sees a reset."""
    link, count = lab.links[name], lab.rng.randint(1, 3)
    lab.random_moment(landing=True)
    wanted = link.lost_commits + count
    link.lose_commits(lab.rng.randint(0, 9), count)
    lost = wait_until(lambda: link.lost_commits >= wanted, _LOSE_SECONDS)
    link.lose_commits(0, 0)
    if not lost:
        raise RuntimeError(f"within {_LOSE_SECONDS:.0f} s nobody committed {count} times on {name}")
    lab.moment = f"{count} commits"
    lab.over()
    _go_on(lab, name)


def _strike(lab: Lab, name: str, begin: Callable[[], None], least: float, most: float) -> None:
    lab.random_moment(landing=True)
    begin()
    try:
        lab.hold(least, most)
    finally:
        lab.links[name].heal()
    lab.over()
    _go_on(lab, name)


def _go_on(lab: Lab, name: str) -> None:
    if name == REFRESH_POSTGRES:
        lab.refreshed()
    else:
        lab.recovered()


NETWORK = {
    f"{kind} {name}": fault(strike, name=name)
    for kind, strike, names in (
        ("cut", cut, LINKS),
        ("slow", slow, LINKS),
        ("half-open", silent, LINKS),
        ("lost commit", lost_commit, (LAND_POSTGRES, REFRESH_POSTGRES)),
    )
    for name in names
}
