"""Where the API server is and who we are there.

The order is controller-runtime's: a kubeconfig that is named, then KUBECONFIG, then
the pod's service account, then ~/.kube/config.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.config import (
    ConfigException,
    list_kube_config_contexts,
    load_incluster_config,
    load_kube_config,
)

from playbill.api.errors import Retry, Stalled

_DEFAULT = Path("~/.kube/config")


@dataclass(frozen=True, slots=True)
class Source:
    """A kubeconfig (one path, or several as KUBECONFIG lists them); None is the pod's account."""

    kubeconfig: str | None
    context: str | None = None

    @classmethod
    def find(cls, kubeconfig: Path | None = None, context: str | None = None) -> Source:
        """The first source that there is.

        Raises Stalled(NoCluster) when there is none.
        """
        if kubeconfig is not None:
            return cls(str(kubeconfig), context)
        if given := os.environ.get("KUBECONFIG"):
            return cls(given, context)
        if os.environ.get("KUBERNETES_SERVICE_HOST") and context is None:
            return cls(None)
        if (default := _DEFAULT.expanduser()).exists():
            return cls(str(default), context)
        raise Stalled(
            "NoCluster",
            "no cluster to work on: name a kubeconfig, set KUBECONFIG, or run in a pod with a "
            "service account",
        )

    @classmethod
    def find_or_none(
        cls, kubeconfig: Path | None = None, context: str | None = None
    ) -> Source | None:
        """The same, for those who can do without for a while."""
        try:
            return cls.find(kubeconfig, context)
        except Stalled:
            return None

    def namespace(self) -> str:
        """The namespace that the kubeconfig's context names, or `default`, as kubectl has it.

        Raises Stalled(NoCluster) for a kubeconfig that cannot be read.
        """
        if self.kubeconfig is None:
            return "default"
        try:
            contexts, current = list_kube_config_contexts(config_file=self.kubeconfig)  # type: ignore[no-untyped-call]
        except (ConfigException, OSError) as error:
            raise Stalled("NoCluster", f"cannot use {self.kubeconfig}: {error}") from error
        wanted = next((c for c in contexts if c["name"] == self.context), current)
        found: str = wanted["context"].get("namespace") or "default"
        return found

    async def load(self, configuration: Configuration) -> None:
        """Read address and credentials into `configuration`.

        In a pod the token is read again every minute, as Kubernetes renews it. A
        kubeconfig's token file or plugin is asked again by the next load.
        """
        try:
            if self.kubeconfig is None:
                load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
            else:
                await load_kube_config(  # type: ignore[no-untyped-call]
                    config_file=self.kubeconfig,
                    context=self.context,
                    client_configuration=configuration,
                    persist_config=False,
                )
        except ConfigException as error:
            raise Stalled(
                "NoCluster", f"cannot use {self.kubeconfig or 'the service account'}: {error}"
            ) from error
        except OSError as error:
            raise Retry("ApiUnavailable", f"cannot read credentials: {error}") from error
