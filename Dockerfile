# The operator's image, and `--target fetch` the one of the init container that fetches artifacts.
# Docker users build both as they are; `make image` passes a base made of
# Debian packages, and lends pip's settings and authorities as secrets, which reach no
# layer. Nothing here needs either.
ARG BASE=python:3.13-slim

FROM ${BASE} AS dependencies
# pip keeps an environment of its own: the one that is shipped has none.
RUN python3 -m venv /opt/pip && python3 -m venv --without-pip /opt/venv
COPY requirements.lock /src/
RUN --mount=type=secret,id=pip.conf --mount=type=secret,id=ca.crt \
    PIP_CONFIG_FILE=/run/secrets/pip.conf \
    sh -ec '/opt/pip/bin/pip install --no-cache-dir "hatchling>=1.27" && \
        /opt/pip/bin/pip --python=/opt/venv/bin/python install --no-cache-dir \
            --require-hashes --requirement=/src/requirements.lock'

FROM dependencies AS package
COPY pyproject.toml README.md LICENSE /src/
COPY operator /src/operator
# Into a folder of its own, so that a changed source is a small layer of its own.
RUN /opt/pip/bin/pip wheel --no-index --no-deps --no-build-isolation --wheel-dir=/dist /src && \
    /opt/pip/bin/pip --python=/opt/venv/bin/python install --no-index --no-deps \
        --prefix=/opt/package /dist/*.whl

FROM ${BASE} AS base
# A slim Python image lacks git and ssh; the base of `make image` has them.
RUN if ! command -v git >/dev/null || ! command -v ssh >/dev/null; then \
        apt-get update && \
        apt-get install --yes --no-install-recommends git openssh-client ca-certificates && \
        rm -rf /var/lib/apt/lists/*; \
    fi
# ssh refuses to run for a user without a name.
RUN echo 'playbill:x:65532:' >> /etc/group && \
    echo 'playbill:x:65532:65532::/tmp:/usr/sbin/nologin' >> /etc/passwd && \
    install --directory --owner=65532 --group=65532 /var/cache/playbill
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

# `playbill fetch`, the init container: DVC and its clients of stores, and nothing of Kubernetes.
FROM dependencies AS fetch-dependencies
RUN python3 -m venv --without-pip /opt/fetch
COPY requirements-fetch.lock /src/
RUN --mount=type=secret,id=pip.conf --mount=type=secret,id=ca.crt \
    PIP_CONFIG_FILE=/run/secrets/pip.conf \
    /opt/pip/bin/pip --python=/opt/fetch/bin/python install --no-cache-dir \
        --require-hashes --requirement=/src/requirements-fetch.lock

FROM base AS fetch
COPY --from=fetch-dependencies /opt/fetch /opt/venv
COPY --from=package /opt/package /opt/venv
# The lock has all that the two commands of this image import.
RUN playbill fetch --help >/dev/null && playbill check --help >/dev/null && \
    python3 -c 'import playbill.fetch.run, playbill.fetch.dvc_source, botocore, dvc_s3, dvc_http'
ARG VERSION=""
ARG REVISION=""
LABEL org.opencontainers.image.title="playbill-fetch" \
      org.opencontainers.image.description="Brings a model's artifact into a pod's volume" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
USER 65532:65532
WORKDIR /tmp
ENTRYPOINT ["playbill"]

FROM base AS operator
COPY --from=dependencies /opt/venv /opt/venv
COPY --from=package /opt/package /opt/venv
ARG VERSION=""
ARG REVISION=""
LABEL org.opencontainers.image.title="playbill" \
      org.opencontainers.image.description="A git-backed model registry for Kubernetes" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
USER 65532:65532
WORKDIR /tmp
ENTRYPOINT ["playbill"]
