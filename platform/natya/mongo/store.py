"""What an edge needs of the store: one connection, and the ports that stand on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from natya.clock import SystemClock
from natya.mongo.driver import Driver
from natya.mongo.listings import MongoListings
from natya.mongo.records import MongoRecords
from natya.ports.store import StoreReport
from natya.settings import Settings


class Store:
    """One database. Every port of it says for itself when the store is away."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self.listings = MongoListings(driver)
        self.records = MongoRecords(driver, SystemClock())

    async def check(self) -> StoreReport:
        """Ask the store what it is. Never raises."""
        return await self._driver.check()


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[Store]:
    """The store that ``settings`` name; it is connected to when it is first used. Raises `ConfigurationError` if they cannot name
    one."""
    driver = Driver(settings)
    try:
        yield Store(driver)
    finally:
        driver.close()
