"""The kinds that are deployed in the cluster, from the manifests that nodes publish."""

from __future__ import annotations

from typing import Any

import orjson

from natya.ports.lease import Entry, Registry, Watch


class KindsWatch:
    """Kind → manifest, kept up to date by a watch."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._watch: Watch | None = None
        self.manifests: dict[str, dict[str, Any]] = {}

    async def start(self) -> None:
        """Raises `LeaseUnknown`."""
        self._watch = await self._registry.watch(self._apply)

    async def close(self) -> None:
        if self._watch is not None:
            await self._watch.close()

    def _apply(self, entry: Entry) -> None:
        if entry.value:
            self.manifests[entry.key] = orjson.loads(entry.value)
        else:
            self.manifests.pop(entry.key, None)

    def partitions(self, kind: str) -> int | None:
        manifest = self.manifests.get(kind)
        return None if manifest is None else int(manifest["partitions"])

    async def publish(self, manifest: dict[str, Any]) -> None:
        """Make a kind known. Does nothing if this very manifest is known already. Raises `LeaseUnknown`."""
        known = self.manifests.get(manifest["kind"])
        if known is not None and known.get("digest") == manifest.get("digest"):
            return
        await self._registry.put(manifest["kind"], orjson.dumps(manifest))
        self.manifests[manifest["kind"]] = manifest
