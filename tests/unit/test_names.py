"""Keys, tokens, partitions and subjects."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natya.errors import Invalid
from natya.names import (
    MAX_KEY_BYTES,
    Subjects,
    check_kind,
    check_method,
    decode_key,
    encode_key,
    fnv1a,
    partition_of,
)

keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50)
SAFE = re.compile(r"(?:[A-Za-z0-9\-_~@:+=]|%[0-9A-F]{2})+\Z")


class TestKeys:
    @pytest.mark.parametrize(
        ("key", "token"),
        [
            ("alice", "alice"),
            ("alice@example.com", "alice@example%2Ecom"),
            ("A-z_0~@:+=", "A-z_0~@:+="),
            ("a b", "a%20b"),
            ("*", "%2A"),
            (">", "%3E"),
            ("%2E", "%252E"),
            ("é", "%C3%A9"),
            ("a/b", "a%2Fb"),
            ("\x00\n", "%00%0A"),
        ],
    )
    def test_a_key_has_this_token(self, key: str, token: str) -> None:
        assert encode_key(key) == token
        assert decode_key(token) == key

    @given(keys)
    def test_every_key_comes_back_from_its_token(self, key: str) -> None:
        token = encode_key(key)
        assert SAFE.match(token)
        assert decode_key(token) == key

    @given(keys, keys)
    def test_two_keys_never_share_a_token(self, one: str, other: str) -> None:
        assert (encode_key(one) == encode_key(other)) == (one == other)

    @given(st.text(st.sampled_from("aZ0-_~@:+=%2EeCc39aA. *>é"), max_size=12))
    def test_a_token_is_refused_or_is_the_only_spelling_of_its_key(self, token: str) -> None:
        try:
            key = decode_key(token)
        except Invalid:
            return
        assert encode_key(key) == token

    @pytest.mark.parametrize(
        ("token", "right"), [("%61lice", "alice"), ("%41", "A"), ("a%2Db", "a-b"), ("%7E", "~"), ("a%40b", "a@b")]
    )
    def test_a_token_with_a_needless_escape_is_refused_and_the_right_one_named(self, token: str, right: str) -> None:
        with pytest.raises(Invalid, match=re.escape(repr(right))):
            decode_key(token)

    @pytest.mark.parametrize(
        "token", ["", "%", "%2", "%2e", "%zz", "a.b", "a b", "é", "*", ">", "%FF", "%C3", "%C0%AE", "%ED%A0%80", "a\n"]
    )
    def test_what_spells_no_key_is_refused(self, token: str) -> None:
        with pytest.raises(Invalid) as refused:
            decode_key(token)
        assert refused.value.extra["errors"][0]["field"] == "key"

    def test_a_key_has_1_to_200_bytes(self) -> None:
        assert decode_key(encode_key("x" * MAX_KEY_BYTES)) == "x" * MAX_KEY_BYTES
        assert decode_key(encode_key("é" * 100)) == "é" * 100
        for bad in ("", "x" * 201, "é" * 101):
            with pytest.raises(Invalid):
                encode_key(bad)
        with pytest.raises(Invalid):
            decode_key("x" * 201)

    def test_a_lone_surrogate_is_no_key(self) -> None:
        with pytest.raises(Invalid):
            encode_key("\ud800")


class TestPartitions:
    @pytest.mark.parametrize(
        ("data", "expected"),
        [
            (b"", 0x811C9DC5),
            (b"a", 0xE40C292C),
            (b"b", 0xE70C2DE5),
            (b"fo", 0x6222E842),
            (b"foobar", 0xBF9CF968),
        ],
    )
    def test_the_hash_is_fnv_1a_with_32_bits(self, data: bytes, expected: int) -> None:
        assert fnv1a(data) == expected

    @given(keys, st.integers(1, 256))
    def test_a_partition_is_one_of_the_kinds(self, key: str, partitions: int) -> None:
        token = encode_key(key)
        assert partition_of(token, partitions) == fnv1a(token.encode()) % partitions

    def test_keys_spread_over_all_partitions(self) -> None:
        counts = [0] * 16
        for n in range(16_000):
            counts[partition_of(f"user-{n}", 16)] += 1
        assert min(counts) > 700
        assert max(counts) < 1300


class TestKindsAndMethods:
    @pytest.mark.parametrize("kind", ["account", "a", "a1_b"])
    def test_a_kind_is_returned(self, kind: str) -> None:
        assert check_kind(kind) == kind

    @pytest.mark.parametrize("kind", ["", "A", "1a", "_a", "a-b", "a.b", "a ", "a\n", "é", "*"])
    def test_what_is_no_kind_is_refused(self, kind: str) -> None:
        with pytest.raises(Invalid):
            check_kind(kind)

    @pytest.mark.parametrize("method", ["deposit", "_x", "Do2"])
    def test_a_method_is_returned(self, method: str) -> None:
        assert check_method(method) == method

    @pytest.mark.parametrize("method", ["", "2x", "a-b", "a.b", "a b", "a\n", "é", ">"])
    def test_what_is_no_method_is_refused(self, method: str) -> None:
        with pytest.raises(Invalid):
            check_method(method)


class TestSubjects:
    def test_they_are_the_wire_protocols(self) -> None:
        s = Subjects()
        assert s.ask("account", "alice", "deposit") == "natya.ask.account.alice.deposit"
        assert s.call("account", 3, "alice", "deposit") == "natya.call.account.3.alice.deposit"
        assert s.asks("account") == "natya.ask.account.>"
        assert s.calls("account", 3) == "natya.call.account.3.>"
        assert s.tell("account", "alice", "deposit") == "natya.tell.account.alice.deposit"
        assert s.mail("account", 3, "alice", "deposit") == "natya.mail.account.3.alice.deposit"
        assert s.mail("account", 3) == "natya.mail.account.3.*.*"
        assert s.journal("account", 3) == "natya.journal.account.3"
        assert s.event("order", "o1", "placed") == "natya.event.order.o1.placed"
        assert s.dead("account", "alice", "deposit") == "natya.dead.account.alice.deposit"
        assert s.node("inc1", "probe") == "natya.node.inc1.probe"

    def test_streams_and_buckets_are_named_as_fixed(self) -> None:
        s = Subjects()
        assert s.mail_stream("account") == "natya_mail_account"
        assert [s.journal_stream("account", n) for n in (0, 3, 4, 15)] == [
            f"natya_journal_account_{n}" for n in (0, 3, 0, 3)
        ]
        assert (s.events_stream, s.dead_stream) == ("natya_events", "natya_dead")
        assert (s.cluster_bucket, s.kinds_bucket) == ("natya_cluster", "natya_kinds")

    def test_a_namespace_is_the_first_token(self) -> None:
        assert Subjects("staging").ask("a", "b", "c") == "staging.ask.a.b.c"
        assert Subjects("staging").events_stream == "staging_events"

    @pytest.mark.parametrize("namespace", ["", "a.b", "A", "a b", ">"])
    def test_what_is_no_namespace_is_refused(self, namespace: str) -> None:
        with pytest.raises(Invalid):
            Subjects(namespace)
