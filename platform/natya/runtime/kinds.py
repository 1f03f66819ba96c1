"""The kinds that are deployed in the cluster, from the manifests that nodes publish.

While code is rolled out nodes differ in what they would publish. **Failure.** A node of the earlier code is restarted in the middle of
it and publishes last: methods of the later code are hidden again, and so are its rules of who may use them. So a manifest names
those that it has replaced, and whoever finds itself among them is of earlier code: it publishes nothing while a node of the later
code is there. When the last of those has gone, the code was rolled back, and the earlier manifest holds again.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import orjson

from natya.ports.lease import Entry, Registry, RevisionConflict, Watch

REPLACES: Final = "replaces"
"""Digests of the manifests before, newest first."""
REMEMBERED: Final = 20


class KindsWatch:
    """Kind → manifest, kept up to date by a watch."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._watch: Watch | None = None
        self._revisions: dict[str, int] = {}
        self.manifests: dict[str, dict[str, Any]] = {}

    async def start(self) -> None:
        """Raises `LeaseUnknown`."""
        self._watch = await self._registry.watch(self._apply)

    async def close(self) -> None:
        if self._watch is not None:
            await self._watch.close()

    def _apply(self, entry: Entry) -> None:
        if entry.revision < self._revisions.get(entry.key, 0):
            return
        self._revisions[entry.key] = entry.revision
        if entry.value:
            self.manifests[entry.key] = orjson.loads(entry.value)
        else:
            self.manifests.pop(entry.key, None)

    def partitions(self, kind: str) -> int | None:
        manifest = self.manifests.get(kind)
        return None if manifest is None else int(manifest["partitions"])

    async def publish(self, manifest: dict[str, Any], *, hosted: Collection[str]) -> None:
        """Make a kind known, unless this very manifest is known already, or that of later code of which there is a node: ``hosted``
        are the digests of the kind at all nodes. Raises `LeaseUnknown`."""
        kind, digest = manifest["kind"], manifest["digest"]
        known = self.manifests.get(kind)
        replaced: list[str] = []
        if known is not None:
            if known["digest"] == digest:
                return
            replaced = [known["digest"], *known.get(REPLACES, [])]
            if digest in replaced and known["digest"] in hosted:
                return
        named = manifest | {REPLACES: [other for other in replaced if other != digest][:REMEMBERED]}
        value = orjson.dumps(named)
        try:
            revision = await self._registry.put(kind, value, expected=self._revisions.get(kind, 0))
        except RevisionConflict:
            return  # another node was first; the watch will tell, and then it is looked at again
        self._apply(Entry(kind, value, revision))
