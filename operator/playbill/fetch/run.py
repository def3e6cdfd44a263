"""From an order to the artifact in place: find, check the names, download, verify, show."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial

from playbill.fetch.digests import FileHash, digest_of
from playbill.fetch.download import Downloads
from playbill.fetch.names import check_together, safe
from playbill.fetch.order import Order, source_of
from playbill.fetch.patience import Patience
from playbill.fetch.progress import Progress, size_text
from playbill.fetch.repository import private_home
from playbill.fetch.source import Listing, Source
from playbill.fetch.trouble import DigestMismatch
from playbill.fetch.volume import Record, Volume, disk_troubles

_LOG = logging.getLogger(__name__)


def fetch(order: Order, *, patience: Patience) -> tuple[Record, str]:
    """Have the artifact in place; what it is, and where it is from.

    Raises Trouble: then nothing is in place that was not right before.
    """
    order.check()
    volume = Volume(order.into)
    with volume.locked():
        with disk_troubles():
            found = _in_place(volume, order.digest)
        if found is None:
            return _fetch(order, volume, patience)
        _LOG.info("it is here already, and right: %s", _words(found))
        return found, "the volume"


def _fetch(order: Order, volume: Volume, patience: Patience) -> tuple[Record, str]:
    with private_home() as home:
        source = source_of(order, home=home, patience=patience)
        _LOG.info("fetching %s", source.address)
        if not order.digest:
            _LOG.warning("no digest is known to check it by: whatever is there is taken")
        with disk_troubles():
            volume.prepare()
        record = _download(order, source, volume, patience)
    with disk_troubles():
        volume.publish(record)
    _LOG.info("in place: %s", _words(record))
    return record, source.address


def _download(order: Order, source: Source, volume: Volume, patience: Patience) -> Record:
    listing = patience.persist(source.find)
    check_together(safe(item.path) for item in listing.items)
    with disk_troubles():
        volume.check_room(listing.size)
    progress = Progress(total=listing.size or listing.told_size, files=len(listing.items))
    downloads = Downloads(volume, progress)
    files = [
        patience.persist(partial(downloads.fetch, item), received=downloads.received)
        for item in listing.items
    ]
    _LOG.info("received %s", progress.summary())
    with disk_troubles():
        volume.keep_only({item.path for item in listing.items})
    return _verified(order, listing, files, source)


def _verified(order: Order, listing: Listing, files: Sequence[FileHash], source: Source) -> Record:
    kind = order.digest.partition(":")[0]
    if order.digest:
        found = digest_of(kind, files, directory=listing.directory)
        if found != order.digest:
            raise DigestMismatch(source.address, expected=order.digest, found=found)
    return Record(
        digest=order.digest or listing.digest or _sha256(files, directory=listing.directory),
        sha256=_sha256(files, directory=listing.directory).removeprefix("sha256:"),
        bytes=sum(file.size for file in files),
        files=len(files),
        directory=listing.directory,
        dos2unix=tuple(item.path for item in listing.items if item.dos2unix),
    )


def _in_place(volume: Volume, digest: str) -> Record | None:
    """What an earlier run brought, if it is still what it was; otherwise it is taken away."""
    record = volume.record()
    if record is None:
        volume.discard()
        return None
    _LOG.info("something is here already: checking it")
    files = volume.hashes(record)
    if files is not None and _is_right(record, files, digest):
        return record
    _LOG.warning("what is here is not right any more: it is fetched anew")
    volume.discard()
    return None


def _is_right(record: Record, files: Sequence[FileHash], digest: str) -> bool:
    if not record.directory and len(files) != 1:
        return False
    if digest:
        kind = digest.partition(":")[0]
        return digest_of(kind, files, directory=record.directory) == digest
    return _sha256(files, directory=record.directory) == f"sha256:{record.sha256}"


def _sha256(files: Sequence[FileHash], *, directory: bool) -> str:
    return digest_of("sha256", files, directory=directory)


def _words(record: Record) -> str:
    files = f"{record.files} files, " if record.directory else ""
    return f"{files}{size_text(record.bytes)}, {record.digest}, sha256 {record.sha256}"
