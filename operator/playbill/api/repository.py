"""Where a model's history lives, as RegisteredModels and ModelRepositories say it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from playbill.api.base import Duration, LocalReference, Model, Rule, cel, matching

BRANCH = r"^[A-Za-z0-9_][A-Za-z0-9_./+-]*$"


class Signing(Model):
    """With what tags are signed."""

    secret_ref: Annotated[
        LocalReference,
        Field(
            description="A Secret with identity, an ssh private key without a passphrase: each "
            "tag is signed with it, as git does with gpg.format=ssh.",
        ),
    ]


class Repository(Model):
    """The git repository whose tags are the model's history."""

    url: Annotated[
        str,
        Field(
            min_length=1,
            max_length=2048,
            description="https://host/path, ssh://git@host/path or git@host:path. Passwords "
            "belong into the Secret that secretRef names.",
            json_schema_extra=cel(
                Rule(
                    "self.matches('^[!-~]+$')",
                    "a URL holds no spaces, control characters or letters beyond ASCII: "
                    "percent-encode them",
                ),
                Rule(
                    "self.matches('^https?://([^/]*@)?[A-Za-z0-9[]') || "
                    "self.matches('^ssh://([A-Za-z0-9_][^/]*@)?[A-Za-z0-9[]') || "
                    "self.matches('^file:///') || "
                    "self.matches('^[A-Za-z0-9_][A-Za-z0-9_.-]*@[A-Za-z0-9][A-Za-z0-9.-]*:')",
                    "use https://host/path, http://host/path, ssh://git@host/path or git@host:path",
                ),
                Rule(
                    "!self.matches('^https?://[^/]*@') && !self.matches('^ssh://[^/@]*:[^/]*@')",
                    "take the user and password out of the URL and put them into a Secret "
                    "(keys username and password, or identity for ssh), named by secretRef",
                ),
            ),
        ),
    ]
    branch: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=255,
            pattern=BRANCH,
            description="The branch whose tip a version takes when it names no revision; "
            "the remote's own default branch when left out.",
            json_schema_extra=cel(
                matching(BRANCH, "name a branch as git does, such as main or release/1.x")
            ),
        ),
    ] = None
    secret_ref: Annotated[
        LocalReference | None,
        Field(
            description="A Secret with username and password, bearerToken, or identity and "
            "known_hosts; ca.crt for a private authority. The layout is Flux's.",
        ),
    ] = None
    interval: Annotated[Duration, Field(description="How often to look for what others wrote.")] = (
        "1m"
    )
    max_tags_per_push: Annotated[
        int,
        Field(
            ge=0,
            le=1000,
            description="GitHub and GitLab fire no events for a push of more than 3 tags; "
            "0 sets no limit.",
        ),
    ] = 3
    signing: Annotated[
        Signing | None, Field(description="Signs the tags that are written here, if set.")
    ] = None
    audit_notes: Annotated[
        bool,
        Field(
            description="Writes what became of each assignment into git notes of its version's "
            "commit (refs/notes/playbill): recorded, available, failed, rolled-back, replaced, "
            "unassigned."
        ),
    ] = True
