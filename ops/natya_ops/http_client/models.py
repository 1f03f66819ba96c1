"""Schemas as Python: classes for the models, and the types of each operation's parameters and result in their terms.

datamodel-code-generator writes the classes. It is given one more schema for each operation's parameters and one for its result;
what it makes of their fields are the types, and the classes that held them are taken out again.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from datamodel_code_generator import Formatter, InputFileType, PythonVersion, generate
from datamodel_code_generator.enums import DataModelType

from natya_ops.http_client.operations import Description, Operation, Schema

_REFERENCE: Final = "#/components/schemas/"
_DROPPED: Final = ("title", "default", "discriminator")
_CALL: Final = "NatyaCall"


@dataclass(frozen=True, slots=True)
class Types:
    """Of one operation: ``parameters`` maps names on the wire to an identifier and a type."""

    parameters: Mapping[str, tuple[str, str]]
    result: str


def write_models(description: Description) -> tuple[ast.Module, list[Types]]:
    """The classes, and the types of each of the description's operations."""
    names = _names(description)
    schemas = {
        names[name]: _prepared(schema, names, name in description.given) for name, schema in description.schemas.items()
    }
    for number, operation in enumerate(description.operations):
        schemas |= _calls(number, operation, names)
    document = {"openapi": "3.1.0", "info": {"title": "", "version": ""}, "paths": {}, "components": {"schemas": schemas}}
    source = generate(
        document,
        input_file_type=InputFileType.OpenAPI,
        output_model_type=DataModelType.PydanticV2BaseModel,
        target_python_version=PythonVersion.PY_311,
        formatters=[Formatter.BUILTIN],
        use_annotated=True,
        field_constraints=True,
        use_standard_collections=True,
        use_union_operator=True,
        use_subclass_enum=True,
        use_schema_description=True,
        capitalise_enum_members=True,
        disable_timestamp=True,
    )
    assert isinstance(source, str)
    tree = ast.parse(source)
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    types = [_types(number, operation, classes) for number, operation in enumerate(description.operations)]
    tree.body = [node for node in tree.body if not (isinstance(node, ast.ClassDef) and node.name.startswith(_CALL))]
    return tree, types


def _names(description: Description) -> dict[str, str]:
    """A class name for each schema: ``account.Balance`` is ``AccountBalance``, ``account.AccountState`` only ``AccountState``."""
    names: dict[str, str] = {}
    for schema in description.schemas:
        kind, _, model = schema.partition(".")
        prefix, rest = pascal(kind), pascal(model)
        name = unique = rest if rest.startswith(prefix) else prefix + rest
        number = 2
        while unique in names.values():
            unique, number = f"{name}{number}", number + 1
        names[schema] = unique
    return names


def pascal(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", name))


def _prepared(schema: Schema, names: Mapping[str, str], given: bool) -> Schema:
    """A copy in terms of the class names. What only comes is always whole, whatever has a default."""

    def prepare(node: Any) -> Any:
        if isinstance(node, list):
            return [prepare(item) for item in node]
        if not isinstance(node, dict):
            return node
        copy = {keyword: prepare(value) for keyword, value in node.items() if not _dropped(keyword, value)}
        if isinstance(reference := copy.get("$ref"), str):
            copy["$ref"] = _REFERENCE + names[reference.removeprefix(_REFERENCE)]
        if not given and copy.get("type") == "object" and "properties" in copy:
            copy["required"] = list(copy["properties"])
        return copy

    found: Schema = prepare(schema)
    return found


def _dropped(keyword: str, value: Any) -> bool:
    """Keywords that say nothing about types, or that the generator does not know; a field may have such a name, too."""
    if keyword == "format":
        return bool(value == "base64url")
    return keyword in _DROPPED and not (isinstance(value, dict) and ("type" in value or "$ref" in value or "anyOf" in value))


def _calls(number: int, operation: Operation, names: Mapping[str, str]) -> dict[str, Schema]:
    parameters: Schema = {"type": "object", "properties": dict(operation.parameters), "required": sorted(operation.required)}
    result: Schema = {"type": "object", "properties": {"result": operation.result}, "required": ["result"]}
    return {
        f"{_CALL}{number}Parameters": _prepared(parameters, names, given=True),
        f"{_CALL}{number}Result": _prepared(result, names, given=True),
    }


def _types(number: int, operation: Operation, classes: Mapping[str, ast.ClassDef]) -> Types:
    fields = list(_fields(classes[f"{_CALL}{number}Parameters"]))
    (_, result), *_ = _fields(classes[f"{_CALL}{number}Result"])
    return Types(dict(zip(operation.parameters, fields, strict=True)), result)


def _fields(model: ast.ClassDef) -> Iterator[tuple[str, str]]:
    """Identifier and type of each field, without what only validation needs."""
    for node in model.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            annotation = node.annotation
            if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == "Annotated":
                assert isinstance(annotation.slice, ast.Tuple)
                annotation = annotation.slice.elts[0]
            yield node.target.id, ast.unparse(annotation)
