"""Requests to the API server, on plain dicts.

kubernetes' own client carries them: its configuration, TLS and connection pool,
without its typed models, which validate answers and would refuse what a newer
server adds. Every failure is one of the three fates (`answers`).
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote
from urllib.request import getproxies

import aiohttp
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.config import ConfigException

from playbill import __version__
from playbill.api.errors import Retry, Stalled
from playbill.kube.answers import Missing, trouble
from playbill.kube.connection import Source
from playbill.kube.requests import APPLY, JSON, MERGE, Request
from playbill.kube.resources import SERVED, Resource

Object = dict[str, Any]
"""An object of Kubernetes, as JSON."""

Observer = Callable[[str, str, str], None]
"""Told of every request: verb, resource (`deployments.apps/status`), code.

The code is that of HTTP, or `none` when no answer came.
"""

_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=30)
"""Seconds; waiting for a free connection is not limited, it is what bounds the concurrency."""


class Kube:
    """A client of one cluster.

    Raises from every method: Stalled (Forbidden, Refused, Invalid, ApiNotServed),
    Waiting (NotFound, NamespaceTerminating), Conflict, Retry (ApiUnavailable).

    At most `connections` requests are under way; the others wait. What must not
    wait behind them, as the renewal of a Lease, takes a Kube of its own.
    """

    def __init__(
        self, configuration: Configuration, *, source: Source, observer: Observer | None
    ) -> None:
        self.configuration = configuration
        self._source = source
        self._observe = observer or (lambda _verb, _resource, _code: None)
        self._under_way: set[int] = set()
        self._rest = asyncio.Event()
        self._rest.set()
        self._api = ApiClient(configuration)
        self._api.user_agent = f"playbill/{__version__}"
        self._impersonation: dict[str, str] = {}

    @classmethod
    async def connect(
        cls,
        kubeconfig: Path | None = None,
        context: str | None = None,
        *,
        connections: int = 32,
        observer: Observer | None = None,
    ) -> Self:
        """A client by a kubeconfig, KUBECONFIG, the pod's account or the default, in this order.

        Nothing is sent yet. Raises Stalled(NoCluster) without a usable configuration.
        """
        source = Source.find(kubeconfig, context)
        # Otherwise aiohttp looks for a netrc before each request, and that in another thread.
        session = {"trust_env": bool(getproxies())}
        configuration = Configuration(
            connection_pool_maxsize=connections, client_session_kwargs=session
        )
        await source.load(configuration)
        return cls(configuration, source=source, observer=observer)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()  # type: ignore[no-untyped-call]

    async def at_rest(self) -> None:
        """Wait until no request is under way, of whatever account."""
        await self._rest.wait()

    async def reload_credentials(self) -> None:
        """Ask the kubeconfig's token file or plugin, or the pod's account, once more."""
        await self._source.load(self.configuration)

    def as_account(self, namespace: str, name: str) -> Self:
        """The same client, over the same connections, with the rights of a service account.

        It takes the verb `impersonate` on that account; the API server adds the groups
        of service accounts by itself. The account need not exist, only its rights.
        Only the client that this comes from is ever closed.
        """
        other = copy.copy(self)
        other._impersonation = {"Impersonate-User": f"system:serviceaccount:{namespace}:{name}"}
        return other

    async def served(self, group: str, version: str) -> list[Object] | None:
        """The kinds of an API as discovery lists them (metav1.APIResource), subresources too.

        None when the API server has no such API, or not yet.
        """
        parts = ["apis", group, version] if group else ["api", version]
        address = "/" + "/".join(quote(part, safe="") for part in parts)
        try:
            found = await self._send(Request(verb="get", resource=SERVED, address=address))
        except Missing:
            return None
        except Stalled as stalled:
            if stalled.reason != "ApiNotServed":
                raise
            return None
        return list(found.get("resources") or ())

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Object | None:
        """The object as it is now, with managedFields; None when there is none."""
        request = Request(verb="get", resource=resource, namespace=namespace, name=name)
        try:
            return await self._send(request)
        except Missing:
            return None

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        field_selector: str | None = None,
        label_selector: str | None = None,
        chunk: int = 500,
    ) -> tuple[list[Object], str]:
        """All objects, without managedFields, and the resourceVersion of the list.

        They come in pages of `chunk`; a page that is asked for too late (410: etcd was
        compacted) makes the list start anew.
        """
        query = {"fieldSelector": field_selector, "labelSelector": label_selector, "limit": chunk}
        items: list[Object] = []
        token: str | None = None
        while True:
            request = Request(
                verb="list",
                resource=resource,
                namespace=namespace,
                query={**query, "continue": token},
            )
            try:
                page = await self._send(request)
            except Retry as error:
                if token is None or error.reason != "Expired":
                    raise
                items, token = [], None
                continue
            items += [_listed(item, resource) for item in page["items"]]
            token = page["metadata"].get("continue")
            if not token:
                return items, page["metadata"]["resourceVersion"]

    async def apply(
        self,
        resource: Resource,
        body: Object,
        *,
        manager: str,
        force: bool = True,
        subresource: str | None = None,
        dry_run: bool = False,
    ) -> Object:
        """Server-side apply (KEP-555) of exactly the fields in `body`; the object after it.

        What `manager` applied before and leaves out now is removed. With a
        metadata.resourceVersion in `body` an object that changed since is a Conflict;
        without `force` so is a field that somebody else set to another value.
        """
        query = {
            "fieldManager": manager,
            "force": "true" if force else None,
            "dryRun": "All" if dry_run else None,
        }
        return await self._send(
            Request(
                verb="apply",
                resource=resource,
                namespace=body["metadata"].get("namespace"),
                name=body["metadata"]["name"],
                subresource=subresource,
                method="PATCH",
                query=query,
                body=_typed(body, resource),
                content=APPLY,
            )
        )

    async def merge_patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: Object,
        *,
        manager: str,
        subresource: str | None = None,
    ) -> Object:
        """JSON merge patch (RFC 7386); the object after it.

        With a metadata.resourceVersion in `body` an object that changed since is a Conflict.
        """
        return await self._send(
            Request(
                verb="patch",
                resource=resource,
                namespace=namespace,
                name=name,
                subresource=subresource,
                method="PATCH",
                query={"fieldManager": manager},
                body=body,
                content=MERGE,
            )
        )

    async def create(self, resource: Resource, body: Object, *, manager: str) -> Object:
        """A new object; Conflict (reason AlreadyExists) when the name is taken."""
        return await self._send(
            Request(
                verb="create",
                resource=resource,
                namespace=body["metadata"].get("namespace"),
                method="POST",
                query={"fieldManager": manager},
                body=_typed(body, resource),
            )
        )

    async def replace(self, resource: Resource, body: Object, *, manager: str) -> Object:
        """The whole object anew; Conflict when it changed since its resourceVersion."""
        return await self._send(
            Request(
                verb="update",
                resource=resource,
                namespace=body["metadata"].get("namespace"),
                name=body["metadata"]["name"],
                method="PUT",
                query={"fieldManager": manager},
                body=_typed(body, resource),
            )
        )

    async def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        propagation: str = "Background",
    ) -> None:
        """Delete the object, if it is there and still the one meant (else Conflict)."""
        meant = {"uid": uid, "resourceVersion": resource_version}
        request = Request(
            verb="delete",
            resource=resource,
            namespace=namespace,
            name=name,
            method="DELETE",
            body={
                "propagationPolicy": propagation,
                "preconditions": {key: value for key, value in meant.items() if value},
            },
        )
        with contextlib.suppress(Missing):
            await self._send(request)

    async def _send(self, request: Request) -> Object:
        code, body, retry_after = await self._exchange(request)
        if code == 401:
            await self.reload_credentials()
            code, body, retry_after = await self._exchange(request)
        if code >= 400:
            raise trouble(code=code, status=body, doing=request.doing, retry_after=retry_after)
        if body is None:
            raise Retry("ApiUnavailable", f"cannot {request.doing}: the answer is no JSON object")
        return body

    async def _exchange(self, request: Request) -> tuple[int, Object | None, str | None]:
        """Status code, body when it is a JSON object, Retry-After."""
        code = "none"
        self._under_way.add(id(request))
        self._rest.clear()
        try:
            parameters = await self._api.param_serialize(
                request.method,
                request.path,
                query_params=request.parameters,
                header_params={
                    "Accept": JSON,
                    "Content-Type": request.content,
                    **self._impersonation,
                },
                body=request.body,
                auth_settings=["BearerToken"],
            )
            response = await self._api.call_api(*parameters, _request_timeout=_TIMEOUT)
            raw = await response.read()  # type: ignore[no-untyped-call]
            code = str(response.status)
            return response.status, _decoded(raw), response.headers.get("Retry-After")
        except (aiohttp.ClientError, TimeoutError, OSError, ConfigException) as error:
            said = str(error) or type(error).__name__
            raise Retry("ApiUnavailable", f"cannot {request.doing}: {said}") from error
        finally:
            self._under_way.discard(id(request))
            if not self._under_way:
                self._rest.set()
            self._observe(request.verb, request.target, code)


def _typed(body: Object, resource: Resource) -> Object:
    return {"apiVersion": resource.api_version, "kind": resource.kind, **body}


def _listed(item: Object, resource: Resource) -> Object:
    """Lists leave out what all their items share; managedFields are a third of an object."""
    item["metadata"].pop("managedFields", None)
    return _typed(item, resource)


def _decoded(raw: bytes) -> Object | None:
    try:
        found = json.loads(raw)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
