"""Signing what a pass writes, each artifact's tags with the key that its repository names."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from playbill.api.errors import Trouble, Waiting
from playbill.git.signing import KEY, SigningKey
from playbill.ledger.tagobject import TagObject

ReadSecret = Callable[[str], Awaitable[Mapping[str, bytes] | None]]
"""A Secret's decoded data by its name, None when there is none."""


@dataclass(frozen=True, slots=True)
class Signers:
    """The keys of one pass, read when there is something to sign; `secrets` is by artifact."""

    secrets: Mapping[str, str]
    read: ReadSecret
    executor: ThreadPoolExecutor

    async def sign(self, tags: Sequence[tuple[str, TagObject]]) -> Sequence[TagObject | Trouble]:
        """The tags in order, signed where that is asked for, or the trouble with the key."""
        names = [self.secrets.get(artifact) for artifact, _ in tags]
        answers: list[TagObject | Trouble] = [tag for _, tag in tags]
        for name in dict.fromkeys(filter(None, names)):
            places = [place for place, each in enumerate(names) if each == name]
            signed = await self._signed(name, [tags[place][1] for place in places])
            for place, answer in zip(places, signed, strict=True):
                answers[place] = answer
        return answers

    async def _signed(self, name: str, tags: Sequence[TagObject]) -> Sequence[TagObject | Trouble]:
        try:
            key = SigningKey.from_secret(await self._data(name))
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self.executor, key.sign, tags)
        except Trouble as trouble:
            return [trouble] * len(tags)

    async def _data(self, name: str) -> Mapping[str, bytes]:
        data = await self.read(name)
        if data is None:
            raise Waiting(
                "SecretNotFound",
                f"there is no Secret {name} with the key to sign tags with: create it with an ssh "
                f"private key under {KEY}, or take signing out of the repository",
            )
        return data
