"""Commit until killed, saying what was acknowledged: `python -m tests.storage.writing URL`."""

from __future__ import annotations

import asyncio
import sys

from storage.store import DatabaseStore, open_store
from tests.faults.planted import plant
from tests.storage.values import a_request, approved, asked, salt

SUBMITTERS = 8


async def _submit(store: DatabaseStore) -> None:
    while True:
        request = a_request()
        await store.commit(asked(request, idempotency=(request.id, request.digest)))
        print(request.id, 1, flush=True)  # noqa: T201
        await store.commit(approved(request))
        print(request.id, 2, flush=True)  # noqa: T201


async def main(url: str) -> None:
    """Write with several submitters at once."""
    store = await open_store(url, salt=salt)
    await asyncio.gather(*(_submit(store) for _ in range(SUBMITTERS)))


if __name__ == "__main__":
    plant()
    asyncio.run(main(sys.argv[1]))
