"""The page that shows what is deployed and lets people try it: `GET /docs`.

Everything comes from this server and nothing is inline, so its content policy allows its own origin alone.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Final

from aiohttp import web

from natya_edge import docs
from natya_edge.keys import SETTINGS

_OURS: Final = ("page.js", "page.css")
_SWAGGER_UI: Final = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png")

PUBLIC: Final = frozenset({"/docs", *(f"/docs/{name}" for name in (*_OURS, *_SWAGGER_UI))})
"""Routes that need no token."""

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def add_routes(app: web.Application) -> None:
    if not app[SETTINGS].docs:
        return
    ours, theirs = _folder(docs.__name__), _folder("flask_swagger_ui") / "dist"
    _add(app, "/docs", ours / "page.html")
    for folder, names in ((ours, _OURS), (theirs, _SWAGGER_UI)):
        for name in names:
            _add(app, f"/docs/{name}", folder / name)


def _add(app: web.Application, path: str, file: Path) -> None:
    headers = {"Cache-Control": "no-cache", "Content-Security-Policy": _POLICY}

    async def send(request: web.Request) -> web.FileResponse:
        return web.FileResponse(file, headers=headers)

    app.router.add_get(path, send)


def _folder(package: str) -> Path:
    """Where a package lies, without importing it."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0])
