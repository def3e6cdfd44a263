"""Reading a Secret: by name, when it is needed, and never watched."""

from __future__ import annotations

import base64

from playbill.kube.client import Kube
from playbill.kube.resources import SECRETS


async def read_secret(kube: Kube, namespace: str, name: str) -> dict[str, bytes] | None:
    """A Secret's decoded data; None when there is none.

    None bears a name of dots, which would make the path that of something else.
    """
    if not name.strip("."):
        return None
    secret = await kube.get(SECRETS, namespace, name)
    if secret is None:
        return None
    return {key: base64.b64decode(value) for key, value in (secret.get("data") or {}).items()}
