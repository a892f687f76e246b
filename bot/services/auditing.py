"""The log proves itself: checkpoints are signed and kept elsewhere, all of it walked, one request proven."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime

from bot.core.errors import Unknown
from bot.core.log import (
    LogBroken,
    Prover,
    Tree,
    Verified,
    Verifier,
    Walk,
    commit,
    open_note,
    parse_verifier,
    proof_bundle,
    unseal,
)
from bot.core.terms import SYSTEM, Entry, EntryKind, Json, RequestId
from bot.ports import Checkpoint, Checkpoints, Clock, Opening, Sealed, Signer, Store

PAGE = 5000  # entries read at once: some megabytes


@dataclass(slots=True)
class Auditing:
    """Checkpoints, verification, proofs, exports."""

    store: Store
    clock: Clock
    signer: Signer
    kept: Checkpoints
    _tree: Tree = field(default_factory=Tree.empty)
    # Two at once would add the same leaves twice.
    _growing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def checkpoint(self) -> Checkpoint | None:
        """Sign the log as it stands and keep the note outside too; None when nothing is new."""
        async with self._growing:
            return await self._checkpoint()

    async def _checkpoint(self) -> Checkpoint | None:
        last = await self.store.last_checkpoint()
        size = await self.store.size()
        if last is not None and size < last.size:
            raise LogBroken(f"it is missing: a checkpoint was signed over {last.size} entries", size)
        # The entry that tells of a checkpoint is no reason for the next one.
        if last is not None and size <= last.size + 1:
            return None
        self._tree = await self._grown(self._tree, size)
        note = self.signer.checkpoint(self._tree.size, self._tree.root())
        checkpoint = Checkpoint(self._tree.size, self._tree.root(), note, self.clock.now())
        facts = {"size": str(checkpoint.size), "root": checkpoint.root.hex()}
        entry = Entry(kind=EntryKind.CHECKPOINT, at=checkpoint.at, by=SYSTEM, facts=facts)
        await self.store.put_checkpoint(checkpoint, entry)
        await asyncio.to_thread(self.kept.keep, checkpoint)  # it waits for a disk, perhaps a distant one
        return checkpoint

    async def _grown(self, tree: Tree, size: int) -> Tree:
        """Return the tree at `size`, grown by the stored leaves: the root is computed, never read."""
        while tree.size < size:
            leaves = await self.store.leaves(tree.size, min(PAGE, size - tree.size))
            if not leaves:
                raise LogBroken("it is missing", tree.size)
            tree = tree.extend(leaves)
        return tree

    async def distrust(self) -> str | None:
        """Say why grants must not be issued: the log is shorter than, or not what, a checkpoint signed.

        Both the newest checkpoint in the database and the newest kept outside are asked: someone who can
        restore one need not be able to restore the other.
        """
        last = await self.store.last_checkpoint()
        notes = [note for note in (last.note if last else None, self.kept.newest()) if note]
        try:
            marks = sorted((open_note(note, self.verifiers()) for note in notes), key=lambda mark: mark.size)
            tree = Tree.empty()  # from the leaves as they are now, not from those that we once saw
            for mark in marks:
                if await self.store.size() < mark.size:
                    raise LogBroken(f"it is missing: a checkpoint was signed over {mark.size} entries")
                tree = await self._grown(tree, mark.size)
                if tree.root() != mark.root:
                    raise LogBroken(f"the first {mark.size} entries are not what the checkpoint signed")
            async with self._growing:
                self._tree = max(self._tree, tree, key=lambda one: one.size)
        except LogBroken as broken:
            return str(broken)
        return None

    async def verify(
        self, extra: tuple[str, ...] = (), progress: Callable[[int, int], None] | None = None
    ) -> Verified:
        """Walk the whole log against every checkpoint in the database, the newest outside, and `extra`.

        So is what stands beside it in the clear. Raises `LogBroken` naming the first bad entry.
        """
        notes = [checkpoint.note for checkpoint in await self.store.checkpoints()]
        outside = self.kept.newest()
        notes += [note for note in (outside, *extra) if note and note not in notes]
        walk = Walk(notes, self.verifiers())
        size = await self.store.size()
        async with aclosing(self._pages()) as pages:
            async for page, openings in pages:
                await asyncio.to_thread(_take, walk, page, openings)
                if progress:
                    progress(walk.size, size)
        return walk.finish()

    async def _pages(self) -> AsyncGenerator[tuple[list[Sealed], list[Opening]], None]:
        """Yield the log page by page; the next one is read while this one is looked at."""
        following = asyncio.create_task(self._page(0))
        try:
            while (found := await following)[0]:
                following = asyncio.create_task(self._page(found[0][-1].sequence + 1))
                yield found
        finally:
            following.cancel()

    async def _page(self, start: int) -> tuple[list[Sealed], list[Opening]]:
        page = await self.store.entries(start, PAGE)
        if not page:
            return [], []
        return page, await self.store.openings_between(page[0].sequence, page[-1].sequence)

    async def prove(self, request_id: RequestId, opened: bool) -> dict[str, Json]:
        """Return a document that proves what the log holds of a request; `opened` adds names and reasons.

        A fresh checkpoint is signed first when the request's last entry is not under one yet.
        """
        entries = await self.store.entries_of(request_id)
        if not entries:
            raise Unknown(f"The log holds nothing of {request_id}.")
        last = await self.store.last_checkpoint()
        if last is None or last.size <= entries[-1].sequence:
            await self.checkpoint()
            last = await self.store.last_checkpoint()  # ours, or one that somebody signed meanwhile
        if last is None:
            raise Unknown("There is no checkpoint yet.")
        openings = await self.store.openings([e.sequence for e in entries]) if opened else []
        return proof_bundle(
            request_id,
            [(entry.sequence, entry.body) for entry in entries],
            await self._proofs([entry.sequence for entry in entries], last.size),
            last.note,
            self.verifiers(),
            openings,
        )

    async def export(self, since: datetime | None, until: datetime | None) -> AsyncIterator[bytes]:
        """Yield the entries of a time range as JSON Lines, exactly as their leaves were hashed."""
        start = 0
        while page := await self.store.entries(start, PAGE):
            for entry in page:
                if (since is None or entry.at >= since) and (until is None or entry.at < until):
                    yield entry.body + b"\n"
            start = page[-1].sequence + 1

    async def story(self, request_id: RequestId) -> list[tuple[Sealed, dict[str, Json]]]:
        """Return a request's entries, read; for the audit page."""
        entries = await self.store.entries_of(request_id)
        return [(entry, unseal(entry.body, entry.sequence)) for entry in entries]

    async def _proofs(self, sequences: Sequence[int], size: int) -> dict[int, list[bytes]]:
        prover = Prover(sequences, size)
        while prover.taken < size:
            leaves = await self.store.leaves(prover.taken, min(PAGE, size - prover.taken))
            if not leaves:
                raise LogBroken("it is missing", prover.taken)
            await asyncio.to_thread(prover.take, leaves)
        return prover.proofs()

    def verifiers(self) -> tuple[Verifier, ...]:
        """Return the verifiers of our own checkpoints."""
        return tuple(parse_verifier(text) for text in self.signer.verifier_keys())


def _take(walk: Walk, page: list[Sealed], openings: list[Opening]) -> None:
    """Walk on over a page, and hold what stands beside it against it."""
    start = walk.size

    def look(place: int, fields: Mapping[str, Json]) -> None:
        _require_columns(page[place - start], fields)

    walk.take(((entry.sequence, entry.body, entry.leaf) for entry in page), look)
    _require_openings(page, openings)


def _require_columns(entry: Sealed, fields: Mapping[str, Json]) -> None:
    """Refuse an entry whose columns say other than its body: proofs and exports look entries up by them."""
    at = entry.at.isoformat(timespec="microseconds")[:-6] + "Z"
    if (
        fields.get("kind") != entry.kind
        or fields.get("at") != at
        or fields.get("request_id") != entry.request_id
    ):
        raise LogBroken("its columns are not what it says", entry.sequence)


def _require_openings(page: list[Sealed], openings: list[Opening]) -> None:
    """Refuse names and reasons other than those the entries committed to; those that were erased are none."""
    bodies = {entry.sequence: entry.body for entry in page}
    for one in openings:
        name = one.field.removeprefix("private.")
        if f'"{name}":"{commit(one.salt, one.value)}"'.encode() not in bodies[one.sequence]:
            raise LogBroken(f"its {name} is kept as another than it committed to", one.sequence)
