"""What an attempt heard, and what that says of the operation.

The question that must be answered exactly is whether an operation may have taken effect. Silence, a broken connection and 503 leave it
open: the message may have arrived, and its effect be committed, though nobody heard of it. Only what never left, or reached nobody
(*no responders*), is certain to have had none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from natya_ops.chaos.record import Outcome

REPEAT: Final = 503
UNKNOWN: Final = 504
REFUSED: Final = 409
IN_FLIGHT: Final = "id_in_flight"


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer: ``code`` is 0 for a result, else an error's number; ``body`` the JSON. ``after`` are the seconds after which another
    attempt makes sense, if it said so."""

    code: int
    slug: str
    body: Any
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class Unheard:
    """No answer, and why. ``arrived`` is False only if the message certainly reached nobody; ``waited`` says that the time
    for an answer was waited out, so that no pause is needed before the next attempt."""

    reason: str
    arrived: bool = True
    waited: bool = False


Result = Heard | Unheard


def final(heard: Heard, *, reads: bool, again: bool) -> bool:
    """Whether another attempt would tell no more. ``reads``: it is a query, which may be repeated always; ``again``: what is unknown may
    be asked again, under the same id."""
    if heard.code == REPEAT or heard.slug == IN_FLIGHT:
        return False
    return heard.code != UNKNOWN or not (reads or again)


def outcome(heard: Heard, *, reads: bool, doubtful: bool) -> Outcome:
    """What a final answer means. ``doubtful``: an earlier attempt may have had an effect that this answer does not speak of.

    A result and a *no* of the actor are those of the id, whichever attempt they answer. Any other error speaks of its own attempt
    alone.
    """
    if heard.code == 0:
        return Outcome.OK
    if heard.code == REFUSED:
        return Outcome.REFUSED
    if reads:
        return Outcome.FAILED
    return Outcome.UNKNOWN if doubtful or heard.code == UNKNOWN else Outcome.FAILED


def given_up(*, reads: bool, doubtful: bool) -> Outcome:
    """What it means that there was no final answer until the end."""
    return Outcome.UNKNOWN if doubtful and not reads else Outcome.FAILED
