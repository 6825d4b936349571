"""How well bots are told from people: `python -m enrichment.measure bots=FILE people=FILE …`, one user agent a line.

Prints how many of each file are taken for bots, by class; with `--list`, also each that is judged wrongly.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from enrichment.user_agents import UserAgentRules

LABELS = ("bots", "people")


def main(arguments: Sequence[str]) -> int:
    """0, or 2 when the arguments are none of LABEL=FILE."""
    files = [argument.partition("=") for argument in arguments if argument != "--list"]
    if not files or any(label not in LABELS or not Path(name).is_file() for label, _, name in files):
        print(__doc__)
        return 2
    rules = UserAgentRules()
    print(rules.version)
    for label, _, name in files:
        agents = sorted({line for line in Path(name).read_text(encoding="utf-8").splitlines() if line.strip()})
        judged = {agent: rules.read(agent) for agent in agents}
        classes = Counter(bot_class for *_, bot_class, _ in judged.values() if bot_class)
        caught = sum(classes.values())
        print(f"{name}: {caught:,} of {len(agents):,} {label} are taken for bots ({caught / len(agents):.2%})")
        print("  " + ", ".join(f"{bot_class} {count:,}" for bot_class, count in classes.most_common()))
        if "--list" in arguments:
            for agent, (*_, is_bot, bot_class, _) in judged.items():
                if is_bot != (label == "bots"):
                    print(f"  {bot_class or 'no bot'}: {agent}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
