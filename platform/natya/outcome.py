"""What is known of a message that was sent to be remembered (``Natya-Keep``), as its actor's owner says it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import orjson

from natya.message import Answer

OUTCOME: Final = "$outcome"
"""The query on ``natya.call`` by which an owner tells the outcome of a message. No method can have this name.

Its body is ``{"id": …, "until": …}``: the message's id, and until when (ms) the answer may wait for a pending message to end.
"""


class Stand(StrEnum):
    """How far a message is."""

    PENDING = "pending"
    """It is stored, waits, runs, waits for its commit or for another attempt."""
    DONE = "done"
    """It has its outcome, which is durable and final: a result or an error."""
    UNKNOWN = "unknown"
    """The owner has never seen it, or its time to be remembered is over."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """``digest`` is the hash of the message's method and body (`natya.message.digest_of`), empty if nothing is known or too much is
    before it in the mail. ``failures`` is how many attempts of a pending message have failed. ``answer`` is there if it is done."""

    stand: Stand
    digest: str = ""
    failures: int = 0
    answer: Answer | None = None

    def encode(self) -> bytes:
        """As the reply's body."""
        document: dict[str, Any] = {"stand": self.stand, "hash": self.digest, "failures": self.failures}
        answer = self.answer
        if answer is not None:
            document["body"] = orjson.Fragment(answer.body)
            if answer.code:
                document |= {"code": answer.code, "slug": answer.slug}
        return orjson.dumps(document)

    @classmethod
    def read(cls, body: bytes) -> Outcome:
        """What `encode` has made."""
        document = orjson.loads(body)
        answer = None
        if "body" in document:
            answer = Answer(orjson.dumps(document["body"]), document.get("code", 0), document.get("slug", ""))
        return cls(Stand(document["stand"]), document["hash"], document["failures"], answer)


NOTHING: Final = Outcome(Stand.UNKNOWN)
