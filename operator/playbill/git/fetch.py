"""Listing a remote's refs and bringing them into the mirror, exactly as they are there."""

from playbill.git.listing import Listing, parse_default_branch, parse_listing
from playbill.git.store import Store

# Forced, since branches are rewritten and tags are moved; pruned, since a ref that vanished
# stands in the way of one that takes its name as a directory.
REFSPECS = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")


def list_remote(store: Store) -> Listing:
    """The remote's branches and tags now. No patterns: servers do not filter by them."""
    if store.wire is not None and (found := store.wire.list_refs()) is not None:
        return found
    output = store.remote("ls-remote", "--heads", "--tags", "origin", operation="list")
    return parse_listing(output.stdout)


def list_local(store: Store) -> Listing:
    """The branches and tags that were fetched, and what sort of object each tag is."""
    output = store.local(
        "for-each-ref", "--format=%(objectname) %(objecttype) %(refname)",
        "refs/heads", "refs/tags", operation="list-local",
    )  # fmt: skip
    return parse_listing(output.stdout, typed=True)


def find_default_branch(store: Store) -> str | None:
    """The branch that the remote's HEAD names. The server sends all its refs for it."""
    output = store.remote("ls-remote", "--symref", "origin", "HEAD", operation="default-branch")
    return parse_default_branch(output.stdout)


def fetch_refs(store: Store, *, filtered: bool = True) -> None:
    """Bring the mirror to what the remote has: without blobs, or once again with them all.

    A server that knows no filters sends everything, with a warning.
    """
    # a --filter option would be written into the mirror's configuration
    blobless = ("-c", "remote.origin.partialclonefilter=blob:none") if filtered else ()
    again = ("--refetch",) if not filtered and store.filtered else ()
    store.remote(
        *blobless, "fetch", "--quiet", "--prune", "--no-tags", "--no-write-fetch-head",
        "--no-auto-maintenance", "--no-recurse-submodules", *again, "origin", *REFSPECS,
        operation="fetch", seconds=store.git.settings.fetch_seconds,
    )  # fmt: skip
    store.mark_populated(filtered=filtered)
