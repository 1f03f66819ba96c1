"""The kind `profile` of `support.actors_for_tests` as a later version of its code has it: another schema."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from natya import Actor, command, migration, query


class ProfileState(BaseModel):
    first: str = ""
    last: str = ""


class Profile(Actor[ProfileState], partitions=2, schema=2):
    """A name in two parts."""

    @migration(from_schema=1)
    def split(state: dict[str, Any]) -> dict[str, Any]:
        first, _, last = state["name"].partition(" ")
        return {"first": first, "last": last}

    @command
    async def rename(self, name: str) -> str:
        self.state.first, _, self.state.last = name.partition(" ")
        return name

    @query
    async def name(self) -> str:
        return f"{self.state.last}, {self.state.first}"


__all__ = ["Profile"]
