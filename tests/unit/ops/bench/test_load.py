"""The load generator, against a server and answers of the test's own."""

from __future__ import annotations

import nats
from nats.aio.msg import Msg

from natya_ops.bench.load import carry_out
from natya_ops.bench.work import Work


async def test_requests_go_to_all_keys_in_turn_and_replies_with_an_error_count_as_failed(
    nats_url: str, namespace: str
) -> None:
    seen: list[str] = []
    ids: set[str] = set()
    connection = await nats.connect(nats_url)

    async def answer(message: Msg) -> None:
        seen.append(message.subject.rpartition(".")[2])
        headers = message.headers or {}
        ids.add(headers["Natya-Id"])
        assert int(headers["Natya-Sent"]) > 0
        refused = {"Nats-Service-Error-Code": "503", "Nats-Service-Error": "overloaded"}
        await connection.publish(message.reply, message.data, headers=refused if seen[-1] == "b" else None)

    await connection.subscribe(f"{namespace}.*", cb=answer)
    done = await carry_out(connection, Work(f"{namespace}.{{}}", ["a", "b", "c"], "x", callers=4, requests=30, ids=True))
    assert sorted(seen) == ["a"] * 10 + ["b"] * 10 + ["c"] * 10
    assert len(ids) == 30
    assert (done.succeeded, done.failed, done.failure) == (20, 10, f"{namespace}.b: 503 overloaded")

    lonely = await carry_out(connection, Work(f"{namespace}.nobody.{{}}", ["a"], requests=2))
    assert (lonely.succeeded, lonely.failed) == (0, 2)
    assert "no responders" in lonely.failure
    await connection.close()


async def test_work_for_a_time_ends_after_it(nats_url: str, namespace: str) -> None:
    connection = await nats.connect(nats_url)

    async def answer(message: Msg) -> None:
        await connection.publish(message.reply, b"")

    await connection.subscribe(namespace, cb=answer)
    done = await carry_out(connection, Work(namespace, [""], callers=3, seconds=0.2))
    assert done.failed == 0
    assert done.succeeded > 3
    assert 0.2 <= done.seconds < 10
    await connection.close()
