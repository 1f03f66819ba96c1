"""Typed keys: what handlers find in the application and in a request."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from natya.clock import Ids
from natya_edge.auth.keyring import Keyring
from natya_edge.auth.principal import Principal
from natya_edge.auth.tokens import Tokens
from natya_edge.gateway import Gateway
from natya_edge.listing.freshness import Freshness
from natya_edge.live.streams import Streams
from natya_edge.oauth.server import AuthorizationServer
from natya_edge.openapi.document import Documents
from natya_edge.readiness import Readiness
from natya_edge.settings import EdgeSettings
from natya_edge.store import Store

GATEWAY: Final = web.AppKey("gateway", Gateway)
STORE: Final[web.AppKey[Store]] = web.AppKey("store")
READINESS: Final = web.AppKey("readiness", Readiness)
SETTINGS: Final = web.AppKey("settings", EdgeSettings)
KEYRING: Final = web.AppKey("keyring", Keyring)
TOKENS: Final = web.AppKey("tokens", Tokens)
OAUTH: Final = web.AppKey("oauth", AuthorizationServer)
IDS: Final = web.AppKey("ids", Ids)
DOCUMENTS: Final = web.AppKey("documents", Documents)
FRESHNESS: Final = web.AppKey("freshness", Freshness)
STREAMS: Final = web.AppKey("streams", Streams)

PRINCIPAL: Final = web.RequestKey("principal", Principal)
REQUEST_ID: Final = web.RequestKey("request_id", str)
