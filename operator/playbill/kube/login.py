"""Kopf's credentials, from the same configuration as ours.

Kopf's own handlers would do in the plainest cases, and no further: they take no
`--kubeconfig`, and in a pod they need the name kubernetes.default.svc resolved.
"""

from __future__ import annotations

import kopf
from kubernetes.aio.client.configuration import Configuration

from playbill.kube.client import Kube


async def connection_info(kube: Kube) -> kopf.ConnectionInfo:
    """For a handler of `kopf.on.login`; Kopf asks again whenever the server says 401.

    A kubeconfig's `tls-server-name` is not passed on: Kopf has no place for it.
    """
    await kube.reload_credentials()
    return _info(kube.configuration, await _authorization(kube.configuration))


async def _authorization(configuration: Configuration) -> tuple[str | None, str | None]:
    """Scheme and credentials of the Authorization header (RFC 9110, 11.6.2)."""
    header = await configuration.get_api_key_with_prefix("BearerToken")
    if not header:
        return None, None
    scheme, _, credentials = header.partition(" ")
    return scheme.capitalize(), credentials.strip()


def _info(
    configuration: Configuration, authorization: tuple[str | None, str | None]
) -> kopf.ConnectionInfo:
    scheme, token = authorization
    return kopf.ConnectionInfo(
        server=configuration.host,
        ca_path=configuration.ssl_ca_cert,
        insecure=not configuration.verify_ssl,
        scheme=scheme,
        token=token,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
        proxy_url=configuration.proxy,
    )
