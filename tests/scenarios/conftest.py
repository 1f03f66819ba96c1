"""Every scenario begins with a clean stage and a trouble maker."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from support.ledger import Stage
from support.ledger import stage as clean_stage
from support.trouble import Trouble


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with clean_stage() as found:
        yield found


@pytest.fixture
def trouble() -> Trouble:
    return Trouble()
