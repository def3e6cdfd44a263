"""Whose word is taken for a push."""

from __future__ import annotations

import pytest

from playbill.controllers.inventory.keys import ObjectKey
from playbill.controllers.watch.hooks import hook_path, is_genuine

TOKEN = "It's a Secret to Everybody"
BODY = b"Hello, World!"
# GitHub's own example (docs.github.com, "Validating webhook deliveries").
SIGNATURE = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


@pytest.mark.parametrize(
    ("headers", "genuine"),
    [
        ({"X-Hub-Signature-256": f"sha256={SIGNATURE}"}, True),
        ({"X-Gitea-Signature": SIGNATURE}, True),
        ({"X-Gitlab-Token": TOKEN}, True),
        ({"X-Gitlab-Token": TOKEN.lower()}, False),
        ({"X-Gitlab-Token": ""}, False),
        ({"X-Hub-Signature-256": f"sha256={SIGNATURE[:-1]}8"}, False),
        ({"X-Hub-Signature-256": "sha256=é"}, False),
        ({"X-Hub-Signature-256": "sha256=\udcff"}, False),  # bytes that are no UTF-8
        ({"X-Gitlab-Token": "\udcff"}, False),
        ({"X-Hub-Signature-256": ""}, False),
        ({"X-Hub-Signature": "sha1=anything"}, False),
        ({}, False),
    ],
)
def test_only_the_token_or_a_signature_by_it_is_believed(
    headers: dict[str, str], genuine: bool
) -> None:
    assert is_genuine(headers, BODY, TOKEN) is genuine


def test_the_path_differs_by_object_and_token_and_tells_neither() -> None:
    one, two = ObjectKey("ModelRepository", "ns", "one"), ObjectKey("ModelRepository", "ns", "two")
    paths = {hook_path(one, TOKEN), hook_path(two, TOKEN), hook_path(one, "other")}
    assert len(paths) == 3
    assert all(path.startswith("/hooks/") and len(path) == 71 for path in paths)
