"""``natya health``: what container health checks run."""

from __future__ import annotations

from typing import Annotated

import typer

from natya_ops.commands.output import AsJson, show


def register(app: typer.Typer) -> None:
    app.command()(health)


def health(
    url: Annotated[str, typer.Option(help="Address to ask.")] = "http://127.0.0.1:8080/readyz",
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for the answer.")] = 3.0,
    as_json: AsJson = False,
) -> None:
    """Ask an edge or a worker whether it is ready: exit code 0 if it is, else 1 and the reason."""
    import urllib.error
    import urllib.request

    from natya.errors import ConfigurationError

    if not url.startswith(("http://", "https://")):
        raise typer.BadParameter("an address starts with http:// or https://", param_hint="--url")
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            status = answer.status
    except urllib.error.HTTPError as error:
        with error:
            reason = error.read(500).decode(errors="replace").strip()
        raise ConfigurationError(f"{url} is not ready: {error.code} {reason}") from None
    except (urllib.error.URLError, OSError) as error:
        raise ConfigurationError(f"{url} does not answer: {getattr(error, 'reason', error)}") from None
    show({"url": url, "status": status}, as_json, lambda: f"{url} is ready")
