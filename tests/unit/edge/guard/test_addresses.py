"""Whose address counts."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from natya_edge.guard.addresses import LOCAL, Proxies

NONE = Proxies(())
PROXIES = Proxies((ip_network("10.0.0.0/8"), ip_network("127.0.0.1/32"), ip_network("fd00::/8")))


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", ["1.1.1.1, 203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", ["1.1.1.1", "203.0.113.7, 10.0.0.2"], "203.0.113.7"),
        ("10.0.0.1", ["203.0.113.7:5123"], "203.0.113.7"),
        ("10.0.0.1", ["[2001:db8:1:2:3::4]:5123"], "2001:db8:1:2::/64"),
        ("10.0.0.1", ["::ffff:203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["10.0.0.3"], "10.0.0.3"),
        ("10.0.0.1", ["203.0.113.7, unknown"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.7, "], "10.0.0.1"),
        ("127.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        ("fd00::1", ["203.0.113.7"], "203.0.113.7"),
        ("203.0.113.9", ["1.1.1.1"], "203.0.113.9"),
        ("", ["1.1.1.1"], ""),
    ],
)
def test_the_client_is_the_first_from_the_right_that_is_no_proxy(peer: str, forwarded: list[str], client: str) -> None:
    assert PROXIES.client(peer, forwarded) == client


def test_without_proxies_nobody_is_believed() -> None:
    assert NONE.client("203.0.113.9", ["1.1.1.1"]) == "203.0.113.9"
    assert NONE.client("10.0.0.1", ["1.1.1.1"]) == "10.0.0.1"


def test_a_header_without_end_costs_no_more_than_its_last_hops() -> None:
    assert PROXIES.client("10.0.0.1", [", ".join(["10.0.0.2"] * 5_000)]) == "10.0.0.2"


def test_addresses_of_one_subscriber_count_as_one() -> None:
    assert NONE.client("2001:db8:1:2::5", []) == NONE.client("2001:db8:1:2:ffff::9", []) == "2001:db8:1:2::/64"


def test_this_machine_is_no_address() -> None:
    assert {NONE.client(peer, []) for peer in ("127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1")} == {LOCAL}
