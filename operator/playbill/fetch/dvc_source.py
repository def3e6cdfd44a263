"""What DVC tracks, from the project's remote: in DVC's own layout, by its own transports.

DVC names everything by its md5, so each file is checked as it comes, and can be gone on with.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from playbill.api.errors import Stalled, Trouble
from playbill.fetch.dvc_remote import TAKEN, Remote
from playbill.fetch.logins import StoreLogin
from playbill.fetch.names import check_together, safe
from playbill.fetch.records import Tracked
from playbill.fetch.s3 import by_boto, by_client_error, denied_to_anybody, session_of
from playbill.fetch.source import Item, Listing, Resume, Stream
from playbill.fetch.trouble import (
    DigestMismatch,
    by_status,
    denied,
    not_found,
    refused,
    unavailable,
)
from playbill.fetch.web import redirected, web_url
from playbill.git.url import UrlPolicy, check_address

CHUNK = 1 << 20
LARGEST_LIST = 256 << 20
"""Of a directory's manifest: some two million files."""


@dataclass(frozen=True)
class DvcSource:
    """One output of DVC, or what lies in it. `expected` is checked for a single file as it
    comes; `endpoint` takes the place of the one in the project's configuration."""

    tracked: Tracked
    remote: Remote
    login: StoreLogin
    policy: UrlPolicy
    endpoint: str = ""
    expected: str = ""

    @property
    def address(self) -> str:
        """For people."""
        return f"{self.tracked.path} from {self.remote.address}"

    def find(self) -> Listing:
        """All files; of a directory DVC's list of it is fetched, and checked, first."""
        tracked = self.tracked
        if not tracked.md5.endswith(".dir"):
            name = safe(tracked.path.rpartition("/")[2])
            item = self._item(name, tracked.md5)
            return Listing(items=[item], directory=False, digest=self._md5)
        entries = self._entries()
        if not tracked.inside:
            items = [self._item(path, md5, alone=False) for path, md5 in entries.items()]
            return Listing(items=items, directory=True, digest=self._md5, told_size=tracked.size)
        return self._part(entries)

    @property
    def _md5(self) -> str:
        return f"md5:{self.tracked.md5}"

    def _part(self, entries: Mapping[str, str]) -> Listing:
        inside = self.tracked.inside
        if md5 := entries.get(inside):
            name = inside.rpartition("/")[2]
            return Listing(items=[self._item(name, md5)], directory=False, digest=f"md5:{md5}")
        below = {
            path.removeprefix(f"{inside}/"): md5
            for path, md5 in entries.items()
            if path.startswith(f"{inside}/")
        }
        if not below:
            raise not_found(f"{self.tracked.path}, which DVC tracks as a whole, has no {inside}")
        items = [self._item(path, md5, alone=False) for path, md5 in below.items()]
        return Listing(items=items, directory=True)

    def _entries(self) -> dict[str, str]:
        """Path and md5 of each file. The list's own md5 is checked before it is read."""
        from dvc_data.hashfile.hash import get_hasher  # noqa: PLC0415

        with self._open(self.tracked.md5, Resume()) as stream:
            content = bytearray()
            for chunk in stream.chunks:
                content += chunk
                if len(content) > LARGEST_LIST:
                    raise refused(f"{self.address}: DVC's list of the directory is too large")
        hasher = get_hasher("md5")
        hasher.update(bytes(content))
        found = f"{hasher.hexdigest()}.dir"
        if found != self.tracked.md5:
            raise DigestMismatch(
                f"DVC's list of {self.tracked.path}", expected=self._md5, found=f"md5:{found}"
            )
        return _parse_list(bytes(content), self.address)

    def _item(self, path: str, md5: str, *, alone: bool = True) -> Item:
        expects = [f"md5:{md5}"]
        if alone and self.expected and not self.expected.endswith(".dir"):
            expects.append(self.expected)
        return Item(
            path=path, size=None, open=partial(self._open, md5),
            expects=tuple(dict.fromkeys(expects)),
            dos2unix=self.tracked.legacy,
        )  # fmt: skip

    @contextlib.contextmanager
    def _open(self, md5: str, resume: Resume) -> Iterator[Stream]:
        odb = self._odb
        path = odb.oid_to_path(md5)
        with contextlib.ExitStack() as stack:
            with self._asking():
                size = odb.fs.size(path)
                file = stack.enter_context(odb.fs.open(path, "rb"))
                start = _seek(file, resume.offset, size)
            chunks = _chunks(file, self.remote.address)
            yield Stream(start=start, total=size, validator="", chunks=chunks)

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            with _transport(self.remote.address):
                yield
        except Stalled as stalled:
            if stalled.reason == "Refused" and self._anonymous:  # some answer 400
                raise denied_to_anybody(stalled) from None
            raise

    @cached_property
    def _anonymous(self) -> bool:
        return self.remote.scheme == "s3" and session_of(self.login).get_credentials() is None

    @cached_property
    def _odb(self) -> Any:
        """DVC's object database on the remote, in the layout of DVC 3, or of DVC 2."""
        from dvc.data_cloud import Remote as DataRemote  # noqa: PLC0415
        from dvc.fs import get_cloud_fs  # noqa: PLC0415

        self._check_place()
        with _transport(self.remote.address):
            cls, config, path = get_cloud_fs({}, **self._options())
            fs = cls(**config)
            if self.remote.scheme == "http":
                self._watch_redirects(fs)
            found = DataRemote(self.remote.name, path, fs)
            return found.legacy_odb if self.tracked.legacy else found.odb

    def _check_place(self) -> None:
        """Where it leads, by the rules of every address here."""
        url = self.remote.url if self.remote.scheme == "http" else self._endpoint
        if url:
            check_address(web_url(url, self.policy), self.policy)

    def _watch_redirects(self, fs: Any) -> None:
        """DVC's client follows them by itself: each is held to the same rules before."""
        from aiohttp import ClientSession, TraceConfig, TraceRequestRedirectParams  # noqa: PLC0415

        async def look(_: ClientSession, __: object, to: TraceRequestRedirectParams) -> None:
            headers = to.response.headers
            target = redirected(str(to.url), headers.get("Location") or headers.get("URI") or "")
            check_address(web_url(target, self.policy), self.policy)

        trace = TraceConfig()
        trace.on_request_redirect.append(look)
        fs.fs_args["client_kwargs"]["trace_configs"] = [trace]

    @property
    def _endpoint(self) -> str:
        return self.endpoint or str(self.remote.options.get("endpointurl") or "")

    def _options(self) -> dict[str, Any]:
        scheme, login = self.remote.scheme, self.login
        taken = TAKEN[scheme]
        options = {key: value for key, value in self.remote.options.items() if key in taken}
        if login.ca is not None and scheme:
            options["ssl_verify"] = str(login.ca)
        if scheme == "s3":
            options |= _present(
                endpointurl=self._endpoint,
                region=login.region,
                access_key_id=login.access_key_id,
                secret_access_key=login.secret_access_key,
                session_token=login.session_token,
            )
            anybody = not login.access_key_id and options.get("allow_anonymous_login")
            options["allow_anonymous_login"] = bool(anybody or self._anonymous)
        if scheme == "http" and login.authorization and self._is_trusted():
            options |= {
                "auth": "custom",
                "custom_auth_header": "Authorization",
                "password": login.authorization,
            }
        return options

    def _is_trusted(self) -> bool:
        """Where an endpoint is given, it alone gets the credentials, whatever the project says."""
        origins = [
            web_url(url, self.policy).origin for url in (self.remote.url, self.endpoint) if url
        ]
        return len(set(origins)) == 1


def _parse_list(content: bytes, address: str) -> dict[str, str]:
    """DVC's list of a directory: `[{"md5": …, "relpath": …}, …]`, which anybody may have made."""
    try:
        rows = [(safe(str(row["relpath"])), str(row["md5"])) for row in json.loads(content)]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise refused(f"{address}: DVC's list of the directory cannot be read") from None
    check_together(path for path, _ in rows)
    for path, md5 in rows:
        if len(md5) != 32 or set(md5) - set("0123456789abcdef"):
            raise refused(f"{address}: DVC's list has no md5 for {path[:200]!r}")
    return dict(rows)


def _present(**options: str) -> dict[str, str]:
    return {key: value for key, value in options.items() if value}


def _seek(file: Any, offset: int, size: int | None) -> int:
    """Go on from there, where the transport can."""
    if not offset or size is None or offset >= size:
        return 0
    try:
        return int(file.seek(offset))
    except (OSError, ValueError, NotImplementedError):
        return 0


def _chunks(file: Any, address: str) -> Iterator[bytes]:
    with _transport(address):
        while chunk := file.read(CHUNK):
            yield chunk


@contextlib.contextmanager
def _transport(address: str) -> Iterator[None]:
    """What DVC and its clients of stores say, as one of the fates."""
    try:
        yield
    except Trouble:
        raise
    except Exception as error:  # noqa: BLE001 - each store's client has a tree of its own
        raise _judged(error, address) from None


def _judged(error: Exception, address: str) -> Trouble:
    """By the first cause: a client over http says `not found` of whatever goes wrong."""
    causes = list(_causes(error))
    for cause in causes:
        if (trouble := _of_a_client(cause, address)) is not None:
            return trouble
    words = " ".join(str(error).split())[:300]
    if isinstance(causes[-1], FileNotFoundError):
        return not_found(f"{address} has not all of it: `dvc push` may not have been run")
    if isinstance(error, PermissionError):
        return denied(f"{address}: {words or 'permission denied'}; see fetch.secretRef")
    if type(error).__module__.partition(".")[0] in {"dvc", "dvc_objects", "dvc_http", "dvc_s3"}:
        return Stalled("InvalidProject", f"{address}: {words}")
    last = causes[-1]
    return unavailable(f"{address}: {' '.join(str(last).split())[:300] or type(last).__name__}")


def _of_a_client(cause: BaseException, address: str) -> Trouble | None:
    """What a client of a store means, by its own kinds of errors, or what we told it."""
    if isinstance(cause, Trouble):
        return cause
    if type(cause).__name__ == "ClientError" and getattr(cause, "response", None):
        return by_client_error(cause, address)
    if isinstance(status := getattr(cause, "status", None), int) and status >= 400:
        return by_status(status, address)
    if "Certificate" in type(cause).__name__ or "CERTIFICATE_VERIFY_FAILED" in str(cause):
        return Stalled(
            "CertificateInvalid",
            f"{address}: the server's certificate is not trusted. Put its authority into the "
            "Secret of fetch.secretRef as ca.crt",
        )
    if isinstance(cause, Exception) and type(cause).__module__.startswith(("botocore", "aioboto")):
        return by_boto(cause, address)
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    following: BaseException | None = error
    while following is not None:
        yield following
        following = following.__cause__ or following.__context__
