"""A store that speaks MongoDB's protocol: ``mongod`` if it is on PATH, else SecantusDB from PyPI (for development)."""

from __future__ import annotations

import asyncio
import shutil
import struct
from collections.abc import Sequence
from enum import IntEnum
from typing import Any, Final

from natya_ops.servers.base import Server
from natya_ops.servers.ports import HOST
from natya_ops.servers.process import find_program, make_folder

REPLICA_SET: Final = "natya"
_OP_MSG: Final = 2013


class Code(IntEnum):
    """What ``replSetGetStatus`` says of a member without a set."""

    INVALID_CONFIGURATION = 93
    NOT_YET_INITIALIZED = 94


class StoreServer(Server):
    """The store in ``data``. A mongod is a replica set of one member, so that reads can be causal and writes are journaled.

    Each of the two programs has a folder of its own, because neither reads the other's files.
    """

    role = "store"

    @property
    def url(self) -> str:
        return f"mongodb://{self.host}:{self.port}"

    def _program(self, port: int) -> Sequence[str]:
        if mongod := shutil.which("mongod"):
            folder = make_folder(self.data / "mongod")
            return [
                mongod, "--replSet", REPLICA_SET, "--bind_ip", self.host, "--port", str(port), "--dbpath", str(folder),
                "--nounixsocket",
            ]  # fmt: skip
        program = find_program("secantusd-py", "install it with pip install 'natya[embedded]', or put mongod on PATH")
        folder = make_folder(self.data / "secantus")
        # Without --sync-on-commit, writes that were acknowledged are lost when it is killed.
        return [program, "--host", self.host, "--port", str(port), "--storage-path", str(folder), "--sync-on-commit"]

    async def _answers(self, port: int, pid: int) -> bool:
        try:
            if (await command(port, {"hello": 1}, host=self.host)).get("isWritablePrimary"):
                return bool((await command(port, {"serverStatus": 1}, host=self.host)).get("pid") == pid)
            await _make_primary(self.host, port)
        except (OSError, EOFError, TimeoutError):
            pass
        return False


async def _make_primary(host: str, port: int) -> None:
    """Initiate the replica set; or move it to this address, if the folder was last used with another one."""
    member = f"{host}:{port}"
    match (await command(port, {"replSetGetStatus": 1}, host=host)).get("code"):
        case Code.NOT_YET_INITIALIZED:
            members = [{"_id": 0, "host": member}]
            await command(port, {"replSetInitiate": {"_id": REPLICA_SET, "members": members}}, host=host)
        case Code.INVALID_CONFIGURATION:
            configuration = (await command(port, {"replSetGetConfig": 1}, host=host))["config"]
            configuration["members"][0]["host"] = member
            configuration["version"] += 1
            await command(port, {"replSetReconfig": configuration, "force": True}, host=host)


async def command(port: int, document: dict[str, Any], *, host: str = HOST, limit: float = 5.0) -> dict[str, Any]:
    """The reply of the server on ``port`` to an administration command, errors included. Raises `OSError`, `EOFError`.

    One OP_MSG on a connection of its own: a driver's pools and monitors are of no use to somebody who only asks whether
    a server is there yet.
    """
    import bson

    body = bson.encode({**document, "$db": "admin"})
    async with asyncio.timeout(limit):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            # length, request id, response to, opcode; flags; a section of kind 0 with the document
            writer.write(struct.pack("<iiiiIB", 21 + len(body), 1, 0, _OP_MSG, 0, 0) + body)
            (length,) = struct.unpack("<i", await reader.readexactly(4))
            reply = await reader.readexactly(length - 4)
        finally:
            writer.close()
    return bson.decode(reply[17:])
