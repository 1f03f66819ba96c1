"""The text of a refresh token, and what can be known from it."""

from __future__ import annotations

import pytest

from natya_edge.oauth.refresh_token import RefreshToken


def test_a_token_is_read_as_it_was_written() -> None:
    token = RefreshToken.new()
    assert RefreshToken.read(str(token)) == token
    assert len(str(token)) == 64


@pytest.mark.parametrize("text", ["", "x" * 63, "x" * 65, "+" * 64, "é" * 64, " " * 64, "=" * 64])
def test_another_text_is_no_token(text: str) -> None:
    assert RefreshToken.read(text) is None


def test_a_family_keeps_its_id_through_rotations_and_tells_nothing_of_its_tokens() -> None:
    first = RefreshToken.new()
    second = first.successor("salt")
    assert second.family == first.family != RefreshToken.new().family
    assert second.digest != first.digest
    assert first.family not in str(first)
    assert str(first)[:21] not in first.family


def test_a_successor_takes_both_the_token_and_the_salt() -> None:
    token = RefreshToken.new()
    assert token.successor("salt") == token.successor("salt")
    assert token.successor("salt") != token.successor("other")
    assert token.successor("salt") != RefreshToken(token.locator, RefreshToken.new().secret).successor("salt")


def test_a_token_does_not_show_itself_in_logs() -> None:
    token = RefreshToken.new()
    assert str(token) not in repr(token)
    assert repr(token.secret) not in repr(token)
