"""``natya client``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from natya_ops.commands.connection import DEFAULT_DATA, Data
from natya_ops.commands.output import AsJson, progress, show

_USUAL: Final = "http://127.0.0.1:8080"
_LIMIT: Final = 30.0


def register(app: typer.Typer) -> None:
    app.command()(client)


def client(
    url: Annotated[
        str | None, typer.Argument(help="URL of an edge.", show_default=f"that of a running natya up, else {_USUAL}")
    ] = None,
    out: Annotated[Path, typer.Option(help="The file to write.", dir_okay=False)] = Path("natya_client.py"),
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Write a typed Python client of all that an edge serves, as one module. It needs httpx and pydantic, and nothing of Natya."""
    from natya.errors import ConfigurationError

    try:
        from natya_ops.http_client.module import write_module
    except ImportError as error:
        raise ConfigurationError(f"natya client needs {error.name}: pip install 'natya[client]'") from error

    url = (url or _running(data)).rstrip("/")
    with progress(f"Describing {url}"):
        document = _fetch(url)
        source = write_module(document, url)
    try:
        out.write_text(source)
    except OSError as error:
        raise ConfigurationError(f"cannot write {out}: {error.strerror}") from error
    kinds = sorted({path.split("/")[3] for path in document["paths"] if path.startswith("/v1/actors/")})
    show({"file": str(out), "url": url, "kinds": kinds}, as_json, lambda: f"{out}: {', '.join(kinds)}")


def _running(data: Path | None) -> str:
    from natya_ops.data_folder import DataFolder

    running = DataFolder(data or DEFAULT_DATA).running()
    return running["http"] if running is not None else _USUAL


def _fetch(url: str) -> dict[str, Any]:
    """The OpenAPI document of an edge. Raises `ConfigurationError`."""
    import json
    import urllib.request

    from natya.errors import ConfigurationError

    try:
        with urllib.request.urlopen(f"{url}/openapi.json", timeout=_LIMIT) as answer:
            found = json.load(answer)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"cannot read {url}/openapi.json: {error}; is that the URL of an edge?") from error
    if not isinstance(found, dict) or not str(found.get("openapi", "")).startswith("3.1"):
        raise ConfigurationError(f"{url}/openapi.json is no OpenAPI 3.1 document; is that the URL of an edge?")
    return found
