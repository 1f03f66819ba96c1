"""The driver: the only file that knows motor.

Motor runs each operation in a thread. A cancelled await does not stop that thread: what it was writing may land later, or
not at all. So every write of ours is guarded by what it replaces, and nobody may conclude anything from a cancelled one.

Every wait has an end. A store that refuses connections is unavailable after 2 s; one that is silent after 10 s, or about
22 s if the driver tries a second time. The driver's own limit for a whole operation (``timeoutMS``) would end both after
10 s, because it tries again until then: too late for the many cases in which a store is plainly not there.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorClientSession
from pymongo.errors import InvalidName, PyMongoError, ServerSelectionTimeoutError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from natya.errors import ConfigurationError
from natya.mongo.marks import Mark
from natya.ports.snapshots import SnapshotsUnavailable
from natya.ports.store import StoreReport, StoreUnavailable
from natya.settings import Settings

SELECTION_MS: Final = 2_000
CONNECT_MS: Final = 2_000
SOCKET_MS: Final = 10_000
MAJORITY_MS: Final = 8_000
"""How long the store may take to copy a write to a majority; less than the socket's limit, so that its own answer comes."""

_DURABLE = WriteConcern(w="majority", j=True, wtimeout=MAJORITY_MS)
_RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)


class Driver:
    """One client on one database. Collections write to the journal of a majority and read what a majority has, from the
    primary, as raw documents."""

    def __init__(self, settings: Settings) -> None:
        """Connects when it is first used. Raises `ConfigurationError`."""
        try:
            self._client: Any = AsyncIOMotorClient(
                settings.store,
                serverSelectionTimeoutMS=SELECTION_MS,
                connectTimeoutMS=CONNECT_MS,
                socketTimeoutMS=SOCKET_MS,
                waitQueueTimeoutMS=SOCKET_MS,
                retryWrites=True,
                retryReads=True,
                appname="natya",
            )
        except (PyMongoError, ValueError, TypeError) as error:
            # The driver's text may quote a password that was not percent-encoded.
            said = "user and password must be percent-encoded" if "@" in settings.store else str(error)
            raise ConfigurationError(
                f"NATYA_STORE is not a MongoDB URL ({said}): give one like mongodb://host:27017"
            ) from None
        try:
            self._database: Any = self._client.get_database(
                settings.database,
                codec_options=_RAW,
                read_preference=ReadPreference.PRIMARY,
                read_concern=ReadConcern("majority"),
                write_concern=_DURABLE,
            )
        except InvalidName as error:
            self.close()
            raise ConfigurationError(f"NATYA_DATABASE is {settings.database!r}, which cannot be a name: {error}") from None

    @property
    def database(self) -> Any:
        return self._database

    @contextmanager
    def session(self, after: Mark | None = None) -> Generator[Any]:
        """A session to be used by one task: what it reads is not older than ``after`` and than what it has done itself.
        Neither its start nor its end does any input or output."""
        with self._client.delegate.start_session(causal_consistency=True) as session:
            if after is not None:
                session.advance_operation_time(after.timestamp)
            yield AsyncIOMotorClientSession(session, self._client)

    async def check(self) -> StoreReport:
        """Ask the store what it is. Never raises."""
        try:
            hello = await self._client.admin.command("hello")
            build = await self._client.admin.command("buildInfo")
        except PyMongoError as error:
            return StoreReport(False, reason(error))
        return StoreReport(True, version=str(build.get("version", "")), replica_set=str(hello.get("setName", "")))

    def close(self) -> None:
        """Let go of all connections. Does nothing the second time."""
        self._client.close()


@contextmanager
def unavailable(port: type[StoreUnavailable] = SnapshotsUnavailable) -> Generator[None]:
    """Turn what the driver raises into the error of a ``port``."""
    try:
        yield
    except PyMongoError as error:
        raise port(reason(error)) from error


def reason(error: PyMongoError) -> str:
    """The driver's text without its description of the whole topology."""
    if isinstance(error, ServerSelectionTimeoutError):
        return f"no server found in {SELECTION_MS / 1000:g} s: {str(error).partition(',')[0].partition(' (configured')[0]}"
    if str(error) == "operation cancelled":
        return "the store stopped answering"
    return str(error).partition(", full error:")[0][:300]
