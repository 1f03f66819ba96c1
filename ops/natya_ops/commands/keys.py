"""``natya keys``."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from natya_ops.commands.connection import DEFAULT_DATA
from natya_ops.commands.output import AsJson, show, table

if TYPE_CHECKING:
    from natya_edge.auth.rotation import Rotation
    from natya_edge.auth.signing_key import Algorithm, SigningKey

Folder = Annotated[
    Path | None,
    typer.Option("--keys", help="Folder of the keys.", show_default="NATYA_EDGE_KEYS, else that of the natya up on .natya"),
]
AlgorithmName = Annotated[str | None, typer.Option("--algorithm", help="EdDSA or ES256.", show_default="EdDSA")]


def register(app: typer.Typer) -> None:
    keys = typer.Typer(help="Look at the keys that sign bearer tokens, and exchange them.", no_args_is_help=True)
    for command in (ls, new, rotate, retire):
        keys.command()(command)
    app.add_typer(keys, name="keys")


def ls(folder: Folder = None, as_json: AsJson = False) -> None:
    """List the keys, oldest first, and say which one signs."""
    path, rotation = _open(folder)
    documents = [_document(key, rotation.now()) for key in _read(path)]
    signing = [document for document in documents if document["stage"] == "active"]
    for document in documents:
        document["signs"] = document is (signing[-1] if signing else None)

    def text() -> object:
        columns = ["kid", "algorithm", "stage", "signs", "created", "use from", "retire at"]
        rows = [
            [d["kid"], d["algorithm"], d["stage"], "now" if d["signs"] else "", *(_shown(d[t]) for t in _TIMES)]
            for d in documents
        ]
        return table(columns, rows, whole=columns)

    show({"folder": str(path), "keys": documents}, as_json, text if documents else lambda: f"there are no keys in {path}")


def new(
    folder: Folder = None,
    algorithm: AlgorithmName = None,
    if_none: Annotated[bool, typer.Option("--if-none", help="Do nothing if a key is there already.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make the first key of a folder. It signs at once."""
    path, rotation = _open(folder)
    if if_none and path.exists() and (present := _read(path)):
        _say(present[-1], rotation, as_json, f"the key {present[-1].kid} is there already")
        return
    key = rotation.begin(_algorithm(algorithm) or "EdDSA")
    _say(key, rotation, as_json, f"the key {key.kid} signs from now on; it is in {path}")


def rotate(
    folder: Folder = None,
    algorithm: Annotated[
        str | None, typer.Option("--algorithm", help="EdDSA or ES256.", show_default="that of the key that signs now")
    ] = None,
    lead: Annotated[float, typer.Option(min=0, max=8784, help="Hours for which it is published before it signs.")] = 1.0,
    as_json: AsJson = False,
) -> None:
    """Make a key that takes over from the one that signs now. Everybody who reads the public keys knows it by then."""
    path, rotation = _open(folder)
    key = rotation.rotate(_algorithm(algorithm), timedelta(hours=lead))
    _say(key, rotation, as_json, f"the key {key.kid} signs from {_shown(key.use_from.isoformat())}; it is in {path}")


def retire(
    kid: Annotated[str, typer.Argument(help="The key, as natya keys ls names it.")],
    folder: Folder = None,
    lost: Annotated[
        bool, typer.Option("--lost", help="Somebody else may have it: delete it, and refuse all tokens that it signed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """End the use of a key. It signs no more; the tokens that it signed stay good until their end."""
    _, rotation = _open(folder)
    if lost:
        key = rotation.forget(kid)
        _say(key, rotation, as_json, f"the key {kid} is deleted: within seconds no edge takes a token of it any more")
    else:
        key = rotation.retire(kid)
        _say(key, rotation, as_json, f"the key {kid} signs no more; tokens that it signed stay good until their end")


_TIMES = ("created", "use_from", "retire_at")


def _open(folder: Path | None) -> tuple[Path, Rotation]:
    from natya_edge.auth.key_folder import KeyFolder
    from natya_edge.auth.rotation import Rotation
    from natya_ops.signing_keys import find_keys

    path = folder or find_keys(None, DEFAULT_DATA)
    return path, Rotation(KeyFolder(path))


def _read(path: Path) -> list[SigningKey]:
    from natya_edge.auth.key_folder import KeyFolder

    return KeyFolder(path).read()


def _algorithm(name: str | None) -> Algorithm | None:
    from natya_edge.auth.signing_key import ALGORITHMS

    if name is None:
        return None
    for algorithm in ALGORITHMS:
        if name.lower() == algorithm.lower():
            return algorithm
    raise typer.BadParameter(f"it is {' or '.join(ALGORITHMS)}", param_hint="--algorithm")


def _say(key: SigningKey, rotation: Rotation, as_json: bool, text: str) -> None:
    show(_document(key, rotation.now()), as_json, lambda: text)


def _document(key: SigningKey, now: datetime) -> dict[str, Any]:
    times = {name: time.isoformat() if (time := getattr(key, name)) else None for name in _TIMES}
    return {"kid": key.kid, "algorithm": key.algorithm, "stage": key.stage(now).value, **times}


def _shown(time: str | None) -> str:
    return f"{datetime.fromisoformat(time).astimezone():%Y-%m-%d %H:%M}" if time else ""
