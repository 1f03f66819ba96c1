"""Subjects and their wildcards: ``*`` stands for one token, ``>`` for one or more at the end."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Generic, TypeVar

T = TypeVar("T")


def matches(pattern: Sequence[str], tokens: Sequence[str]) -> bool:
    """Whether the subject with these tokens is one of the pattern's."""
    if pattern[-1] == ">":
        if len(tokens) < len(pattern):
            return False
        pattern = pattern[:-1]
        tokens = tokens[: len(pattern)]
    return len(pattern) == len(tokens) and all(p in ("*", t) for p, t in zip(pattern, tokens, strict=True))


class SubjectIndex(Generic[T]):
    """Things by the subject pattern under which they are found."""

    def __init__(self) -> None:
        self._by_stem: dict[tuple[str, ...], list[tuple[tuple[str, ...], T]]] = {}

    def add(self, pattern: str, thing: T) -> None:
        tokens = tuple(pattern.split("."))
        self._by_stem.setdefault(_stem(tokens), []).append((tokens, thing))

    def remove(self, pattern: str, thing: T) -> None:
        """Undo `add`. Does nothing if it is not there."""
        tokens = tuple(pattern.split("."))
        there = self._by_stem.get(_stem(tokens), [])
        if (tokens, thing) in there:
            there.remove((tokens, thing))
        if not there:
            self._by_stem.pop(_stem(tokens), None)

    def find(self, subject: str) -> list[T]:
        """Everything whose pattern matches, in a fixed order."""
        tokens = tuple(subject.split("."))
        return [
            thing
            for length in range(len(tokens) + 1)
            for pattern, thing in self._by_stem.get(tokens[:length], ())
            if matches(pattern, tokens)
        ]


def _stem(pattern: tuple[str, ...]) -> tuple[str, ...]:
    """The tokens before the first wildcard: what a subject must begin with."""
    return tuple(takewhile(lambda token: token not in ("*", ">"), pattern))
