"""How types and parameters read in ``natya describe``."""

from __future__ import annotations

from typing import Any

import pytest

from natya.manifest import Definition
from natya_actors import Account, Greeter, Inbox, Transfer
from natya_ops.commands.describe import render
from natya_ops.schema_text import models, parameters_text, type_text


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({}, "any"),
        ({"type": "null"}, "null"),
        ({"type": "integer", "exclusiveMinimum": 0}, "integer > 0"),
        ({"type": "integer", "minimum": 1, "maximum": 9}, "integer from 1 to 9"),
        ({"type": "number", "maximum": 0.5}, "number <= 0.5"),
        ({"type": "string", "minLength": 1, "maxLength": 5}, "string of 1 to 5 characters"),
        ({"type": "string", "minLength": 1}, "string of at least 1 characters"),
        ({"type": "string", "format": "date-time"}, "string (date-time)"),
        ({"type": "string", "pattern": "^a"}, "string like ^a"),
        ({"type": ["string", "null"]}, "string | null"),
        ({"enum": ["a", 1]}, '"a" | 1'),
        ({"const": None}, "null"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "integer | null"),
        ({"allOf": [{"$ref": "#/$defs/Note"}]}, "Note"),
        ({"type": "array", "items": {"$ref": "#/$defs/Note"}, "maxItems": 3}, "[Note, …] of at most 3 items"),
        ({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]}, "[integer, string]"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "{string: integer}"),
        ({"type": "object", "additionalProperties": False}, "{}"),
        ({"type": "object"}, "object"),
        (
            {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}, "required": ["a"]},
            "{a: integer, b?: string}",
        ),
    ],
)
def test_a_schema_reads_as_a_type(schema: dict[str, Any], text: str) -> None:
    assert type_text(schema) == text


def test_parameters_read_as_they_are_called() -> None:
    schema = {
        "properties": {
            "amount": {"type": "integer", "exclusiveMinimum": 0},
            "note": {"type": "string", "default": ""},
            "mood": {"type": "string"},
        },
        "required": ["amount"],
    }
    assert parameters_text(schema) == 'amount: integer > 0, note: string = "", mood: string = …'
    assert parameters_text({}) == ""


def test_models_are_written_out_once_and_sorted() -> None:
    note = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
    assert models({"$defs": {"Note": note, "Day": {"enum": ["mo"]}}}, {"$defs": {"Note": note}}, {}) == {
        "Day": '"mo"',
        "Note": "{text: string}",
    }


def described(definition: Definition, *nodes: str) -> str:
    return render({**definition.manifest(), "nodes": list(nodes)})


def test_a_kind_is_described_with_its_methods_its_state_and_a_line_to_try() -> None:
    text = described(Definition.of(Account), "worker-1", "worker-2")
    assert text.startswith("account\n  A bank account. ")
    assert "commands\n  deposit(amount: integer > 0) -> {balance: integer}\n      Add to the balance." in text
    assert "queries\n  balance() -> {balance: integer}" in text
    assert "state\n  {balance: integer = 0}" in text
    assert "16 partitions, hosted by worker-1, worker-2" in text
    assert text.endswith("""natya call account KEY deposit '{"amount": 1}'""")


def test_what_only_some_may_call_is_marked_and_no_example() -> None:
    text = described(Definition.of(Transfer))
    assert "proceed(phase: Phase) -> null   [the owner (sub) of key, or a teller, with scope internal]" in text
    assert "   [the owner (sub) of key and source, or a teller]" in text
    assert "over HTTP for the owner (sub) of key, or a teller, if not said otherwise" in text
    assert '  Phase is "new" | "withdrawing"' in text
    assert "hosted by no node" in text
    assert "natya call transfer KEY start '" in text


def test_a_stateless_kind_has_no_state_and_a_nested_model_is_named() -> None:
    greeter = described(Definition.of(Greeter))
    assert "\nstate\n" not in greeter
    assert "stateless, 16 partitions" in greeter
    assert greeter.endswith("natya call greeter KEY greet")
    assert "-> [Note, …]" in described(Definition.of(Inbox))
