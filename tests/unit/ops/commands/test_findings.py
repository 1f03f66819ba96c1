"""What ``natya doctor`` makes of what it sees."""

from __future__ import annotations

from typing import Any

import pytest

from natya.jetstream.streams import Stream, kind_streams, platform_streams
from natya.names import Subjects
from natya.ports.store import StoreReport
from natya.runtime.view import Member, Owner
from natya.version import VERSION
from natya_ops.commands.doctor import render
from natya_ops.commands.output import show
from natya_ops.doctor.findings import Level, count, ok, problem, warning
from natya_ops.doctor.nodes import check_code, check_members, check_owners
from natya_ops.doctor.server import check_limits, check_version, judge_clock, judge_sync
from natya_ops.doctor.store import judge_store
from natya_ops.doctor.streams import examine


def member(name: str, digest: str = "d1", *, life: int = 1, version: str = VERSION) -> Member:
    return Member(f"{name}-{life}", name, "SERVER", {"account": digest}, version, life)


def by_incarnation(*members: Member) -> dict[str, Member]:
    return {one.incarnation: one for one in members}


@pytest.mark.parametrize(
    ("version", "level"),
    [
        ("2.15.1", Level.OK),
        ("v2.12.0-beta", Level.OK),
        ("2.11.9", Level.PROBLEM),
        ("1.4", Level.PROBLEM),
        ("", Level.WARNING),
    ],
)
def test_an_old_server_is_a_problem(version: str, level: Level) -> None:
    assert check_version(version).level is level


@pytest.mark.parametrize(("used", "level"), [(10, Level.OK), (85, Level.WARNING), (100, Level.PROBLEM)])
def test_limits_are_told_before_they_are_reached(used: int, level: Level) -> None:
    limits = {"max_storage": 100, "max_streams": -1, "max_consumers": 0}
    (finding,) = check_limits({"storage": used, "streams": 5, "limits": limits})
    assert finding.level is level
    assert "100 bytes" in finding.text


def test_an_account_without_limits_is_well() -> None:
    assert [finding.text for finding in check_limits({"limits": {"max_storage": -1}})] == ["none"]


def test_a_server_that_does_not_fsync_is_a_warning_that_says_what_can_be_lost() -> None:
    assert judge_sync({"jetstream": {"config": {"sync_always": True, "sync_interval": 120 * 10**9}}}, 1).level is Level.OK
    alone = judge_sync({"jetstream": {"config": {"sync_interval": 120 * 10**9}}}, 1)
    assert (alone.level, "120 s" in alone.text, "sync_interval: always" in alone.hint) == (Level.WARNING, True, True)
    three = judge_sync({"jetstream": {"config": {"sync_interval": 120 * 10**9}}}, 3)
    assert "failure domains" in three.hint


@pytest.mark.parametrize(
    ("server", "level", "text"),
    [
        (1000.2, Level.OK, "differ by less than 500 ms"),
        (990.0, Level.WARNING, "10.0 s ahead of"),
        (1010.5, Level.WARNING, "10.0 s behind"),
        (960.0, Level.PROBLEM, "40.0 s ahead of"),
    ],
)
def test_clocks_are_judged_by_the_least_they_can_differ(server: float, level: Level, text: str) -> None:
    finding = judge_clock(server, sent=1000.0, received=1000.5)
    assert finding.level is level
    assert text in finding.text


def test_clocks_that_agree_differ_by_less_than_the_least_that_is_shown() -> None:
    assert judge_clock(1000.0, sent=1000.0, received=1000.0001).text.endswith("less than 1 ms")


def as_made(stream: Stream) -> dict[str, Any]:
    return stream.first | stream.fixed


def test_streams_as_natya_makes_them_are_well() -> None:
    subjects = Subjects("natya")
    for stream in [*platform_streams(subjects, 3), *kind_streams(subjects, "account", 16, 3)]:
        assert examine("streams", stream, as_made(stream)) == []


def test_a_setting_that_could_lose_messages_is_a_problem_and_named() -> None:
    mail = kind_streams(Subjects("natya"), "account", 16, 1)[0]
    (finding,) = examine("streams", mail, as_made(mail) | {"max_age": 60, "discard": "old"})
    assert finding.level is Level.PROBLEM
    assert "discard is 'old' and should be 'new', max_age is 60 and should be 0" in finding.text


def test_another_number_of_partitions_is_a_problem() -> None:
    mail = kind_streams(Subjects("natya"), "account", 16, 1)[0]
    other = kind_streams(Subjects("natya"), "account", 8, 1)[0]
    (finding,) = examine("streams", mail, as_made(other))
    assert finding.level is Level.PROBLEM
    assert "has 8 partitions" in finding.text


def test_fewer_copies_than_configured_are_a_warning_for_the_setting_may_be_wrong() -> None:
    mail = kind_streams(Subjects("natya"), "account", 16, 3)[0]
    (finding,) = examine("streams", mail, as_made(mail) | {"num_replicas": 1})
    assert (finding.level, "1 copies" in finding.text) == (Level.WARNING, True)


def test_no_node_is_a_problem_and_two_of_one_name_a_warning() -> None:
    assert [finding.level for finding in check_members({})] == [Level.PROBLEM]
    assert [finding.level for finding in check_members(by_incarnation(member("a"), member("b")))] == [Level.OK]
    (finding,) = check_members(by_incarnation(member("a"), member("a", life=2)))
    assert (finding.level, finding.text) == (Level.WARNING, "a is there more than once")


def test_two_versions_of_the_platform_are_a_warning() -> None:
    findings = check_members(by_incarnation(member("a"), member("b", version="0.0.9")))
    assert findings[1].level is Level.WARNING
    assert "0.0.9" in findings[1].text


def test_two_workers_with_different_code_for_one_kind_are_named() -> None:
    finding = check_code("account", {"digest": "d1"}, by_incarnation(member("a", "d1"), member("b", "d2")))
    assert finding.level is Level.WARNING
    assert finding.text == "nodes differ: a has d1; b has d2"


def test_code_is_compared_with_the_manifest_that_others_read() -> None:
    members = by_incarnation(member("a", "d1"), member("a", "d2", life=2))
    assert check_code("account", {"digest": "d2"}, members).level is Level.OK
    assert check_code("account", {"digest": "d1"}, members).level is Level.WARNING
    assert check_code("account", {"digest": "d1"}, {}).level is Level.PROBLEM


def test_every_partition_needs_an_owner_that_is_there() -> None:
    members = by_incarnation(member("a"))
    owners = {("account", 0): Owner("a-1", 1, 1, 1), ("account", 1): Owner("a-1", 1, 1, 2)}
    assert check_owners("account", 2, members, owners).text == "a has 2"
    gone = owners | {("account", 1): Owner("b-1", 1, 1, 3)}
    finding = check_owners("account", 2, members, gone)
    assert (finding.level, finding.text) == (Level.PROBLEM, "1 of 2 partitions have no live owner: 1")
    released = owners | {("account", 0): Owner("", 2, 1, 4)}
    assert check_owners("account", 3, members, released).text == "2 of 3 partitions have no live owner: 0, 2"


@pytest.mark.parametrize(
    ("report", "level", "text"),
    [
        (StoreReport(False, "no server found"), Level.PROBLEM, "cannot be reached: no server found"),
        (StoreReport(True, version="8.2", replica_set="secantus"), Level.OK, "for development"),
        (StoreReport(True, version="8.2"), Level.WARNING, "not a replica set"),
        (StoreReport(True, version="8.2", replica_set="rs0"), Level.OK, "replica set rs0"),
    ],
)
def test_a_store_is_judged_by_what_it_is(report: StoreReport, level: Level, text: str) -> None:
    finding = judge_store(report)
    assert finding.level is level
    assert text in finding.text


def test_each_hint_stands_below_its_finding_and_a_summary_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    findings = [
        ok("NATS", "[bold]fine"),
        warning("fsync", "two minutes", "say always"),
        problem("nodes", "none", "start one"),
    ]
    assert count(findings, Level.PROBLEM) == 1
    show({}, False, lambda: render(findings))
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        ["ok", "NATS", "[bold]fine"],
        ["warning", "fsync", "two", "minutes"],
        ["say", "always"],
        ["problem", "nodes", "none"],
        ["start", "one"],
        [],
        ["1", "problem,", "1", "warning"],
    ]
    show({}, False, lambda: render([ok("NATS", "fine")]))
    assert capsys.readouterr().out.endswith("all is well\n")
