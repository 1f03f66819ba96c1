"""Headers of messages and answers: what is read, what is refused, what is sent on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natya.errors import Internal, Invalid, Moved, Reject, TooLarge
from natya.message import MAX_KEEP, Answer, Delivery, Message, check_id, check_reply_to

NOW = 1_700_000_000_000


@dataclass
class Reply:
    """Implements `Delivery`."""

    data: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    subject: str = "_INBOX.1"
    reply: str = ""


def message() -> Message:
    return Message("account", "alice", 3, "deposit", b"{}")


def read(headers: Mapping[str, str], *, trusted: bool = False) -> Message:
    m = message()
    m.read_headers(headers, NOW, trusted=trusted)
    return m


numbers = st.integers(0, 10**15)
words = st.text(st.sampled_from("abcXYZ019-_/."), min_size=1, max_size=20)


class TestReading:
    def test_no_headers_leave_the_defaults(self) -> None:
        assert read({}) == message()

    def test_every_header_is_taken_over(self) -> None:
        m = read(
            {
                "Natya-Id": "i-1", "Natya-Sent": str(NOW), "Natya-Attempt": "2", "Natya-Keep": "86400",
                "Natya-Deadline": str(NOW + 500), "Natya-If-Version": "0", "Natya-Reply-To": "answers.here",
                "Natya-Caller": "zoë", "Natya-Chain": "a/1,b/2", "traceparent": "00-1-2-01", "tracestate": "x=y",
            },
            trusted=True,
        )  # fmt: skip
        assert (m.id, m.sent, m.attempt, m.keep, m.deadline) == ("i-1", NOW, 2, 86400, NOW + 500)
        assert (m.if_version, m.reply_to, m.caller, m.chain) == (0, "answers.here", "zoë", ("a/1", "b/2"))
        assert (m.traceparent, m.tracestate) == ("00-1-2-01", "x=y")

    def test_a_caller_is_believed_only_where_it_may_be(self) -> None:
        assert read({"Natya-Caller": "admin"}).caller == ""
        assert read({"Natya-Caller": "admin"}, trusted=True).caller == "admin"

    @given(
        id=words, sent=st.integers(1, NOW), attempt=st.integers(1, 99), deadline=numbers, keep=st.integers(0, MAX_KEEP),
        if_version=st.none() | numbers, caller=st.just("") | words, chain=st.lists(words).map(tuple),
        traceparent=st.just("") | words,
    )  # fmt: skip
    def test_a_message_reads_the_same_after_it_was_sent_on(
        self, id: str, sent: int, attempt: int, deadline: int, keep: int, if_version: int | None, caller: str,
        chain: tuple[str, ...], traceparent: str,
    ) -> None:  # fmt: skip
        m = message()
        m.id, m.sent, m.attempt, m.deadline, m.keep = id, sent, attempt, deadline, keep
        m.if_version, m.caller, m.chain, m.traceparent = if_version, caller, chain, traceparent
        assert read(m.headers(), trusted=True) == m


class TestRefusing:
    @pytest.mark.parametrize(
        ("headers", "field_name"),
        [
            ({"Natya-Id": "a"}, "Natya-Sent"),
            ({"Natya-Id": "a", "Natya-Sent": "soon"}, "Natya-Sent"),
            ({"Natya-Id": "a", "Natya-Sent": "-1"}, "Natya-Sent"),
            ({"Natya-Id": "a", "Natya-Sent": "1.5"}, "Natya-Sent"),
            ({"Natya-Id": "a", "Natya-Sent": "²"}, "Natya-Sent"),
            ({"Natya-Id": "a", "Natya-Sent": "1" * 17}, "Natya-Sent"),
            ({"Natya-Id": "a", "Natya-Sent": str(NOW + 30_001)}, "Natya-Sent"),
            ({"Natya-Id": "", "Natya-Sent": "1"}, "Natya-Id"),
            ({"Natya-Id": "a b", "Natya-Sent": "1"}, "Natya-Id"),
            ({"Natya-Id": "x" * 201, "Natya-Sent": "1"}, "Natya-Id"),
            ({"Natya-Id": "a", "Natya-Sent": "1", "Natya-Attempt": "0"}, "Natya-Attempt"),
            ({"Natya-Deadline": "later"}, "Natya-Deadline"),
            ({"Natya-Keep": "10"}, "Natya-Keep"),
            ({"Natya-Id": "a", "Natya-Sent": "1", "Natya-Keep": str(MAX_KEEP + 1)}, "Natya-Keep"),
            ({"Natya-If-Version": "v1"}, "Natya-If-Version"),
            ({"Natya-Reply-To": "a.*"}, "Natya-Reply-To"),
        ],
    )
    def test_a_wrong_header_is_named(self, headers: dict[str, str], field_name: str) -> None:
        with pytest.raises(Invalid) as refused:
            read(headers)
        assert refused.value.extra["errors"][0]["field"] == field_name

    def test_a_clock_that_is_ahead_by_just_the_limit_is_believed(self) -> None:
        assert read({"Natya-Id": "a", "Natya-Sent": str(NOW + 30_000)}).sent == NOW + 30_000

    @pytest.mark.parametrize("id", ["", " ", "a b", "a\n", "\x00", "é" * 101, "\u2028", "$a", "a\ufffd"])
    def test_what_is_no_id_is_refused(self, id: str) -> None:
        with pytest.raises(Invalid):
            check_id(id)

    @pytest.mark.parametrize("id", ["a", "é" * 100, "a/b:c", "a$", "x" * 200])
    def test_an_id_passes(self, id: str) -> None:
        check_id(id)

    @pytest.mark.parametrize("subject", ["", "a..b", ".a", "a.", "a.*", "a.>", "a b", "a.b\r\n", "$JS.API.x", "$SYS.x"])
    def test_what_no_result_can_be_published_to_is_refused(self, subject: str) -> None:
        with pytest.raises(Invalid):
            check_reply_to(subject)

    def test_a_reply_subject_passes(self) -> None:
        check_reply_to("_INBOX.a-1.2")


class TestAnswers:
    def test_a_result_has_no_headers(self) -> None:
        answer = Answer(b'{"balance":5}')
        assert answer.ok
        assert answer.headers() is None
        assert Answer.read(Reply(b'{"balance":5}')) == answer

    @pytest.mark.parametrize(
        "error", [Moved("elsewhere", retry_after=2.0), Reject("sold_out", "none left", left=0), TooLarge("big", limit=9)]
    )
    def test_an_error_is_the_same_at_the_other_end(self, error: Moved | Reject | TooLarge) -> None:
        answer = Answer.of(error)
        assert not answer.ok
        received = Answer.read(Reply(answer.body, answer.headers() or {}))
        assert received == answer
        back = received.error()
        assert type(back) is type(error)
        assert back.problem() == error.problem()

    def test_waiting_is_said_in_whole_seconds_and_at_least_one(self) -> None:
        headers = Answer.of(Moved("soon", retry_after=0.2)).headers()
        assert headers == {"Nats-Service-Error-Code": "503", "Nats-Service-Error": "moved", "Retry-After": "1"}

    @pytest.mark.parametrize("body", [b"", b"plain text", b"[1]", b'"text"'])
    def test_an_error_without_a_problem_document_is_still_an_error(self, body: bytes) -> None:
        reply: Delivery = Reply(body, {"Nats-Service-Error-Code": "500", "Nats-Service-Error": "of another service"})
        assert isinstance(Answer.read(reply).error(), Internal)

    @pytest.mark.parametrize("code", ["teapot", "", "²", "-1"])
    def test_an_error_code_that_is_no_number_is_an_internal_error(self, code: str) -> None:
        answer = Answer.read(Reply(b"", {"Nats-Service-Error-Code": code, "Retry-After": code}))
        assert (answer.code, answer.slug, answer.retry_after) == (500, "internal", None)
