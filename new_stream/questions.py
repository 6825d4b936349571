"""What the sample leaves open: asked on a terminal, else one sentence that names the option."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from landfall.errors import UserError


@dataclass(frozen=True)
class Choice:
    """One answer. `value`: what the option takes; `words`: what it means."""

    value: str
    words: str


@dataclass(frozen=True)
class Question:
    """What cannot be known from the sample. `proposal`: an answer by which nothing is lost, which `--yes` takes."""

    what: str
    why: str
    option: str
    choices: Sequence[Choice] = ()
    proposal: str | None = None

    @property
    def sentence(self) -> str:
        """As one sentence for whoever has no terminal."""
        listed = ", ".join(choice.words for choice in self.choices)
        ways = f" ({listed})" if listed else ""
        also = f", or --yes for {self.proposal}" if self.proposal else ""
        return f"{self.what} {self.why}{ways}: say {self.option}{also}."


class OpenQuestion(UserError):
    """A question that nobody was there to answer; no file is written."""

    exit_code = 2


class WrongAnswer(UserError):
    """An option that does not fit the sample."""

    exit_code = 2


Ask = Callable[[Question], str]
"""Gives the value of an answer. Raises OpenQuestion where nobody can be asked."""


def nobody(question: Question) -> str:
    """Without a terminal every question stays open."""
    raise OpenQuestion(question.sentence)


def proposals(otherwise: Ask) -> Ask:
    """`--yes`: the proposal, where there is one; what has none is asked all the same."""

    def ask(question: Question) -> str:
        return question.proposal if question.proposal is not None else otherwise(question)

    return ask
