"""One method as the runtime sees it: parameters from JSON, result to JSON, and what a manifest says of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Mapping
from typing import Annotated, Any, Final, NotRequired, get_type_hints

import pydantic_core
from pydantic import ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo
from typing_extensions import TypedDict

from natya.access import Access, access_of_method
from natya.codec import Codec, dubious, sound, trouble
from natya.decorators import Handler
from natya.errors import ConfigurationError, FieldError, Internal, Invalid, NotJson
from natya.names import check_method

_SHOWN_ERRORS: Final = 20
_BY_NAME: Final = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Method:
    """One command or query of a kind.

    ``function`` is the plain async function: ``await method.function(actor, **method.parse(body))``. ``attribute`` is its
    name in the class, ``name`` the one on the wire.
    """

    def __init__(self, kind: str, handler: Handler[..., Any], names: Mapping[str, Any], access: Access) -> None:
        """``names`` are those of the scope around the class, for annotations that are text; ``access`` is the kind's."""
        self.attribute = handler.attribute
        self.query = handler.query
        self.max_age = handler.max_age
        self.deprecated = handler.deprecated
        self.doc = inspect.getdoc(handler.function) or ""
        self.function: Callable[..., Coroutine[Any, Any, Any]] = handler.function
        self._where = f"{kind}.{handler.name}"
        try:
            self.name = check_method(handler.name)
        except Invalid as error:
            raise ConfigurationError(f"{self._where}: {error.detail}") from error

        hints = _hints(self._where, self.function, names)
        parameters = list(inspect.signature(self.function).parameters.values())[1:]
        self._order = [parameter.name for parameter in parameters if parameter.kind is _BY_NAME[0]]
        self._required = {parameter.name for parameter in parameters if parameter.default is parameter.empty}
        self._names = {parameter.name for parameter in parameters}
        needed = {name: hints.get(name) for name in self._required}
        self.access = access_of_method(self._where, handler.access, access, needed)
        self._parameters = Codec.of(_record(self._where, parameters, hints), self._where)
        if "return" not in hints:
            raise ConfigurationError(f"{self._where}: say what it returns, `-> None` if nothing")
        self._result = Codec.of(hints["return"], f"{self._where}, what it returns")
        self._read = self._parameters.read
        self._check = self._result.check
        self._write = self._result.write

    def parse(self, body: bytes) -> dict[str, Any]:
        """The arguments that a message's body holds; an empty body holds none.

        Types are strict, as JSON Schema understands them: ``"5"`` is no number, ``5.0`` is the integer 5. About 1.5 µs for
        a small body; everything slow waits until something is wrong. Raises `Invalid`, which names the fields, `NotJson`.
        """
        if not body and not self._required:
            return {}
        text = body or b"{}"
        try:
            arguments: dict[str, Any] = self._read(text, strict=True)
        except ValidationError as error:
            arguments = self._once_more(text, error)
        # One colon for each argument: then there is neither an inner object nor a second value for a name.
        if (text.count(b":") != len(arguments) or dubious(text)) and (found := trouble(text)):
            raise Invalid(f"{self._where}: {found}")
        return arguments

    def dump(self, result: Any) -> bytes:
        """The JSON text of a result. Raises `Internal` if the method returned what its annotation does not allow."""
        try:
            return sound(self._write(self._check(result), by_alias=True, warnings=False))
        except (ValidationError, ValueError) as error:
            raise Internal(f"{self._where} returned what it must not: {_first(error)}") from error

    def encode(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bytes:
        """The body of a message with these arguments. Whether they are valid, the actor says. Raises `TypeError` as a call
        of the method would, and `Invalid` for what JSON cannot hold."""
        arguments = dict(kwargs)
        if len(args) > len(self._order):
            raise TypeError(f"{self._where} takes {len(self._order)} arguments by position, not {len(args)}")
        for name, value in zip(self._order, args, strict=False):
            if name in arguments:
                raise TypeError(f"{self._where} got {name!r} twice")
            arguments[name] = value
        if not arguments.keys() <= self._names:
            raise TypeError(f"{self._where} has no parameter {', '.join(sorted(arguments.keys() - self._names))}")
        if not arguments.keys() >= self._required:
            raise TypeError(f"{self._where} lacks {', '.join(sorted(self._required - arguments.keys()))}")
        if not arguments:
            return b""
        try:
            return sound(self._parameters.write(arguments, by_alias=True, warnings=False))
        except ValueError as error:
            raise Invalid(f"{self._where}: the arguments cannot be written as JSON: {error}") from error

    def load(self, data: bytes) -> Any:
        """The result that `dump` wrote, of the annotated type. Raises `Internal` if it is none."""
        try:
            return self._result.read(data)
        except ValidationError as error:
            raise Internal(f"{self._where} answered what does not fit its annotation here: {_first(error)}") from error

    def manifest(self) -> dict[str, Any]:
        """What others may know of the method, JSON-able."""
        return {
            "doc": self.doc,
            "query": self.query,
            "access": self.access.manifest(),
            "max_age": self.max_age,
            "deprecated": None if self.deprecated is None else self.deprecated.manifest(),
            "parameters": self._parameters.json_schema("validation"),
            "result": self._result.json_schema("serialization"),
        }

    def _once_more(self, text: bytes, error: ValidationError) -> dict[str, Any]:
        """Look again at a refused body: with its integral floats as integers it may be valid."""
        try:
            tree = pydantic_core.from_json(text)
        except ValueError as broken:
            raise NotJson(f"{self._where}: the body is not JSON: {broken}") from None
        if not isinstance(tree, dict):
            raise NotJson(f"{self._where}: the body must be a JSON object of the parameters, or empty")
        whole = _whole(tree)
        if repr(whole) != repr(tree):
            try:
                arguments: dict[str, Any] = self._read(pydantic_core.to_json(whole), strict=True)
            except ValidationError as again:
                error = again
            else:
                return arguments
        raise self._invalid(error)

    def _invalid(self, error: ValidationError) -> Invalid:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        errors = [
            FieldError(field=".".join(map(str, one["loc"])), message=self._message(one["type"], one["msg"], len(one["loc"])))
            for one in found[:_SHOWN_ERRORS]
        ]
        detail = "; ".join(f"{one['field']}: {one['message']}" for one in errors[:3])
        more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
        return Invalid(f"{self._where}: {detail}{more}", errors=errors)

    def _message(self, type: str, message: str, depth: int) -> str:
        if type == "missing":
            return "is required"
        if type == "extra_forbidden" and depth == 1:
            known = ", ".join(sorted(self._names))
            return f"is not a parameter of {self._where}, " + (f"which takes {known}" if known else "which takes none")
        return message[:1].lower() + message[1:]


def _hints(where: str, function: Callable[..., Any], names: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return get_type_hints(function, localns=dict(names), include_extras=True)
    except NameError as error:
        raise ConfigurationError(
            f"{where}: {error}: annotations are read when the class is made, so define or import their types before it, "
            "and not under TYPE_CHECKING"
        ) from error


def _record(where: str, parameters: list[inspect.Parameter], hints: Mapping[str, Any]) -> Any:
    """A typed dictionary of the parameters. Those with a default may be missing: the function itself fills them in."""
    fields: dict[str, Any] = {}
    for parameter in parameters:
        name = parameter.name
        if parameter.kind not in _BY_NAME:
            raise ConfigurationError(f"{where}: {parameter} cannot be named in JSON: give every parameter a name of its own")
        if name not in hints:
            raise ConfigurationError(f"{where}: the parameter {name} has no annotation: say what it must be")
        if parameter.default is parameter.empty:
            fields[name] = hints[name]
        elif isinstance(parameter.default, FieldInfo):
            raise ConfigurationError(f"{where}: write {name} as Annotated[…, Field(…)] = default, not = Field(…)")
        else:
            shown = pydantic_core.to_jsonable_python(parameter.default, bytes_mode="base64", fallback=repr)
            fields[name] = NotRequired[Annotated[hints[name], Field(json_schema_extra={"default": shown})]]
    typed_dict: Any = TypedDict
    record = typed_dict(where, fields)
    record.__pydantic_config__ = ConfigDict(extra="forbid")
    return record


def _whole(value: Any) -> Any:
    """``value`` with 5.0 as 5, all through: to JSON Schema they are the same number."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1 << 63:
        return int(value)
    if isinstance(value, dict):
        return {name: _whole(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return value


def _first(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(map(str, first["loc"]))
    return f"{where}: {first['msg']}" if where else first["msg"]
