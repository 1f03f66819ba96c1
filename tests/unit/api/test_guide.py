"""The guide on writing actors tells the truth."""

from __future__ import annotations

import asyncio
import re
import sys
import types
from pathlib import Path

import pytest

from natya.manifest import definitions_in
from natya.testing import TestPlatform
from support.acting import Recorded, acting
from support.world import eventually

GUIDE = Path(__file__).parents[3] / "docs" / "actors.md"


@pytest.fixture
def guide(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The guide's code as one module."""
    blocks = re.findall(r"^```python\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    module = types.ModuleType("guide")
    monkeypatch.setitem(sys.modules, "guide", module)
    exec(compile("\n".join(blocks), str(GUIDE), "exec"), vars(module))
    return module


def test_its_code_makes_these_kinds(guide: types.ModuleType) -> None:
    kinds = {definition.kind: definition for definition in definitions_in(guide)}
    assert sorted(kinds) == ["cart", "mailer", "order", "page", "thermometer"]
    for definition in kinds.values():
        assert definition.manifest()["digest"]
    assert kinds["thermometer"].thaw(b'{"tenths":215}', 1).celsius == 21.5


async def test_its_order_is_placed(guide: types.ModuleType) -> None:
    order = next(definition for definition in definitions_in(guide) if definition.kind == "order")
    actor = order.instance("o1", order.fresh())
    scope = Recorded(key="o1", answers=[[{"name": "tea", "quantity": 2}]])
    acting(actor, scope)
    place = order.methods["place"]
    result = await place.function(actor, **place.parse(b'{"customer":"ada"}'))
    assert place.dump(result) == b'{"lines":1,"placed":"2026-03-01T12:00:00Z"}'
    assert scope.asked[0][:3] == ("cart", "ada", "items")
    assert scope.told[0][:3] == ("mailer", "ada", "send")
    assert scope.emitted == [("placed", {"customer": "ada", "by": ""})]


async def test_its_orders_can_be_followed(guide: types.ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    async with TestPlatform(guide.Cart, guide.Order, guide.Mailer) as platform:
        await platform.actor("cart", "ada").add(name="tea")
        await platform.actor("order", "o1").place(customer="ada")
        await platform.settle()
        following = asyncio.create_task(guide.print_orders(platform, 0))
        await eventually(lambda: "1 o1 ada" in capsys.readouterr().out)
        following.cancel()
        with pytest.raises(asyncio.CancelledError):
            await following
