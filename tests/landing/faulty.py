"""`landfall land` with a fault of its own: a limit of a contract that is no number. See test_troubles.py."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from cli.main import main
from landing_stream.contract import Contract, load_contracts


def faulty(contract: Contract) -> Contract:
    """The contract as no file could give it: every record fails in the task that parses it."""
    return replace(contract, max_value_bytes=cast(int, None))


if __name__ == "__main__":
    contracts = {name: faulty(contract) for name, contract in load_contracts().items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("landing_stream.land.load_contracts", lambda: contracts)
        main()
