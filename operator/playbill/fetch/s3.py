"""`s3://bucket/key`: an object, or all that lies below a prefix, with Amazon's own client.

What follows the bucket is the key as it is: nothing is decoded, and `?` is a letter of it. A key
that names no object is taken for a directory.
"""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from playbill.api.errors import Stalled, Trouble
from playbill.fetch.logins import StoreLogin
from playbill.fetch.names import check_together, safe
from playbill.fetch.source import Item, Listing, Resume, Stream, of_one_file
from playbill.fetch.trouble import by_status, denied, not_found, refused, unavailable
from playbill.fetch.web import web_url, without_query
from playbill.git.url import UrlPolicy, check_address

CHUNK = 1 << 20
MOST_OBJECTS = 1_000_000
DEFAULT_REGION = "us-east-1"


@dataclass(frozen=True)
class S3Source:
    """`endpoint` is empty for Amazon's own service."""

    uri: str
    login: StoreLogin
    policy: UrlPolicy
    endpoint: str = ""
    expected: str = ""

    @property
    def address(self) -> str:
        """With the server, where it is not Amazon's."""
        return f"{self.uri} at {without_query(self.endpoint)}" if self.endpoint else self.uri

    def find(self) -> Listing:
        """The object, or the objects below it."""
        bucket, key = split(self.uri)
        if key and not key.endswith("/") and (item := self._object(bucket, key)) is not None:
            return Listing(items=[item], directory=False)
        items = list(self._below(bucket, f"{key.rstrip('/')}/" if key else ""))
        if not items:
            raise not_found(f"{self.address}: there is no object at this key, and none below it")
        check_together(item.path for item in items)
        return Listing(items=items, directory=True)

    def _object(self, bucket: str, key: str) -> Item | None:
        with self._asking():
            try:
                head = self._client.head_object(Bucket=bucket, Key=key)
            except self._client.exceptions.ClientError as error:
                if _status(error) == 404:
                    return None
                raise
        expects = of_one_file(self.expected)
        name = safe(posixpath.basename(key))
        return self._item(
            bucket, key, name, size=head["ContentLength"], etag=head["ETag"], expects=expects
        )

    def _below(self, bucket: str, prefix: str) -> Iterator[Item]:
        pages = self._client.get_paginator("list_objects_v2")
        count = 0
        with self._asking():
            for page in pages.paginate(Bucket=bucket, Prefix=prefix):
                for entry in page.get("Contents") or ():
                    name = entry["Key"].removeprefix(prefix)
                    if (not name or name.endswith("/")) and entry["Size"] == 0:
                        continue  # what browsers of stores make of an empty folder
                    count += 1
                    if count > MOST_OBJECTS:
                        raise refused(f"{self.address}: more than {MOST_OBJECTS} objects")
                    yield self._item(
                        bucket, entry["Key"], safe(name), size=entry["Size"], etag=entry["ETag"]
                    )

    def _item(
        self,
        bucket: str,
        key: str,
        name: str,
        *,
        size: int,
        etag: str,
        expects: tuple[str, ...] = (),
    ) -> Item:
        return Item(
            path=name, size=size, open=partial(self._open, bucket, key),
            expects=expects, validator=etag,
        )  # fmt: skip

    @contextlib.contextmanager
    def _open(self, bucket: str, key: str, resume: Resume) -> Iterator[Stream]:
        with self._asking():
            answer, start = self._get(bucket, key, resume)
        with contextlib.closing(answer["Body"]) as body:
            yield Stream(
                start=start,
                total=start + answer["ContentLength"],
                validator=answer["ETag"],
                chunks=_chunks(body, self.address),
            )

    def _get(self, bucket: str, key: str, resume: Resume) -> tuple[Any, int]:
        """The object from where it broke off, or from its start if it has changed since."""
        if resume.offset:
            wanted = {"Range": f"bytes={resume.offset}-"}
            wanted |= {"IfMatch": resume.validator} if resume.validator else {}
            try:
                answer = self._client.get_object(Bucket=bucket, Key=key, **wanted)
            except self._client.exceptions.ClientError as error:
                if _status(error) not in {412, 416}:
                    raise
            else:
                ranged = answer.get("ContentRange", "").startswith(f"bytes {resume.offset}-")
                return answer, resume.offset if ranged else 0
        return self._client.get_object(Bucket=bucket, Key=key), 0

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            with _store(self.address):
                yield
        except Stalled as stalled:
            if self._anonymous and stalled.reason == "Refused":  # some answer 400
                raise denied_to_anybody(stalled) from None
            raise

    @property
    def _anonymous(self) -> bool:
        return self._session.get_credentials() is None

    @cached_property
    def _session(self) -> Any:
        return session_of(self.login)

    @cached_property
    def _client(self) -> Any:
        from botocore import UNSIGNED  # noqa: PLC0415
        from botocore.config import Config  # noqa: PLC0415

        if self.endpoint:
            check_address(web_url(self.endpoint, self.policy), self.policy)
        config = Config(
            connect_timeout=15, read_timeout=60, retries={"total_max_attempts": 1},
            # a store of one's own has no name for each bucket
            s3={"addressing_style": "path" if self.endpoint else "auto"},
            response_checksum_validation="when_required",
            signature_version=UNSIGNED if self._anonymous else None,
        )  # fmt: skip
        region = self.login.region or self._session.get_config_variable("region")
        with _store(self.address):
            return self._session.create_client(
                "s3", region_name=region or DEFAULT_REGION, endpoint_url=self.endpoint or None,
                config=config, verify=str(self.login.ca) if self.login.ca else None,
            )  # fmt: skip


def session_of(login: StoreLogin) -> Any:
    """With the Secret's key, or else with what the pod's own account is given."""
    from botocore.session import Session  # noqa: PLC0415 - only in the image that fetches

    session = Session()
    if login.access_key_id:
        session.set_credentials(
            login.access_key_id, login.secret_access_key, login.session_token or None
        )
    return session


def denied_to_anybody(stalled: Stalled) -> Stalled:
    """What a store refused to whoever gave no credentials."""
    return denied(f"{stalled.message}, as nobody gave credentials")


def split(uri: str) -> tuple[str, str]:
    """Bucket and key. Raises Stalled(Refused)."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket:
        raise refused(f"{uri[:200]} is no address of an object: s3://bucket/key")
    return bucket, key


@contextlib.contextmanager
def _store(address: str) -> Iterator[None]:
    """What the client says, as one of the fates."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        yield
    except ClientError as error:
        raise by_client_error(error, address) from None
    except (BotoCoreError, OSError) as error:
        raise by_boto(error, address) from None


def by_client_error(error: Any, address: str) -> Trouble:
    """An answer that is none of success."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    if code in {"SlowDown", "RequestTimeout", "InternalError", "ServiceUnavailable"}:
        return unavailable(f"{address}: the store answers {code}")
    trouble = by_status(_status(error), address)
    said = f" ({code})" if code and not code.isdigit() else ""
    trouble.message += said
    return trouble


def by_boto(error: Exception, address: str) -> Trouble:
    """What the client finds wrong before or after an answer."""
    words = f"{address}: {' '.join(str(error).split())[:300]}"
    name = type(error).__name__
    if "Credentials" in name:
        return denied(f"{words}; see fetch.secretRef")
    if name == "SSLError" and "certificate" in str(error).lower():
        return Stalled(
            "CertificateInvalid",
            f"{words}. Put the server's authority into the Secret of fetch.secretRef as ca.crt",
        )
    if name in {"ParamValidationError", "InvalidRegionError"}:
        return refused(words)
    return unavailable(words)


def _status(error: Any) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _chunks(body: Any, address: str) -> Iterator[bytes]:
    with _store(address):
        yield from body.iter_chunks(CHUNK)
