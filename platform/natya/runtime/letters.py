"""Stored messages as turns: how a letter becomes a message, and what is sent when its turn has ended. (A call that is given up
leaves a dead letter as well.)"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from natya.errors import Forbidden, Invalid
from natya.message import CALLER, ERROR_CODE, ERROR_SLUG, MSG_ID, REPLY_TO, VOUCH, Answer, Message, Outgoing
from natya.names import check_method, decode_key, partition_of
from natya.ports.mail import Letter
from natya.telemetry.events import DeadLettered

if TYPE_CHECKING:
    from natya.runtime.stage import Stage
    from natya.runtime.turn import Turn
    from natya.vouch import Seal

ATTEMPTS_HEADER = "Natya-Attempts"

RESERVE = 128 * 1024
"""What a record needs beside a dead letter: its header, the outcome, and the outcome once more for who asked for it."""

GROWTH = 6
"""How many bytes of JSON one byte of a body may become: a control character is written as six."""

MAIL_ID = "$mail."
"""Ids of stored messages that came without one begin with this; no sender can use such an id."""


def read_letter(
    namespace: str, kind: str, partition: int, partitions: int, letter: Letter, now: int, seal: Seal
) -> tuple[Message, Invalid | Forbidden | None, bool]:
    """The message in a letter; what is wrong with it, if anything is: it becomes a dead letter then; and whether it is to no
    actor at all.

    A letter without an id gets one from its sequence, which no sender can use. A sent time that lies ahead is judged against
    the time the letter was stored. The caller is believed if somebody has vouched for it. A vouch that is wrong is refused: the
    message was meant to run for somebody, and must not run as if nobody had to answer for it.
    """
    message = Message(kind, letter.token, partition, letter.method, letter.body, mail=letter.sequence, arrived=now)
    trouble: Invalid | Forbidden | None = None
    stray = True
    try:
        decode_key(letter.token)
        check_method(letter.method)
        if partition_of(letter.token, partitions) != partition:
            raise Invalid(f"the key {letter.token!r} is not in partition {partition}", field="partition")
        stray = False
        message.read_headers(letter.headers, max(now, letter.time), trusted=False)
        if message.reply_to.startswith(f"{namespace}."):
            # Results are published with the node's own rights: a sender must not borrow them.
            raise Invalid(f"{REPLY_TO} {message.reply_to!r} is a subject of the platform itself", field=REPLY_TO)
        if (vouch := letter.headers.get(VOUCH)) is not None:
            message.caller = letter.headers.get(CALLER, "")
            seal.check(message, vouch, letter.time)
    except (Invalid, Forbidden) as error:
        trouble = error
        message.id = message.reply_to = message.caller = ""
        message.keep = 0
    if not message.id:
        message.id = own_id(message)
        message.sent = 0
    return message, trouble, stray


def own_id(message: Message) -> str:
    """The id of a stored message that has none, or none that counts."""
    return f"{MAIL_ID}{message.mail}"


def aftermath(stage: Stage, turn: Turn, answer: Answer) -> list[Outgoing]:
    """What leaves with the outcome of a message: the dead letter if it failed (once, however often it comes), the result
    if it was asked for."""
    message = turn.message
    subjects = stage.world.subjects
    leaving = []
    if answer.code and not turn.repeated:
        stage.world.telemetry.raise_event(
            DeadLettered(message.kind, message.token, message.method, answer.slug, turn.attempts)
        )
        subject = subjects.dead(message.kind, message.token, message.method)
        leaving.append(dead_letter(subject, turn, answer, stage.world.bus.max_payload - RESERVE))
    if message.reply_to and message.mail:
        leaving.append(Outgoing(message.reply_to, answer.body, answer.headers() or {}, stored=False))
    return leaving


def dead_letter(subject: str, turn: Turn, answer: Answer, room: int) -> Outgoing:
    """The record of a message that was given up: its body and headers as they were, with the error and the attempts. Of what
    does not fit into ``room`` bytes it has the beginning, and ``truncated`` says how many bytes there were."""
    message = turn.message
    document = {
        "kind": message.kind,
        "key": message.token,
        "method": message.method,
        "sequence": message.mail,
        "attempts": turn.attempts,
        "error": orjson.loads(answer.body),
        "headers": message.headers(),
        "body": message.body.decode(errors="replace"),
    }
    body = orjson.dumps(document)
    if len(body) > room:
        left = (room - len(body) + len(orjson.dumps(document["body"]))) // GROWTH
        document |= {"body": message.body[:left].decode(errors="replace"), "truncated": len(message.body)}
        body = orjson.dumps(document)
    headers = {ERROR_CODE: str(answer.code), ERROR_SLUG: answer.slug, ATTEMPTS_HEADER: str(turn.attempts)}
    if message.mail:
        headers[MSG_ID] = f"{message.kind}.mail.{message.mail}"
    return Outgoing(subject, body, headers)
