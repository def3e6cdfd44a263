r"""The shapes of names, as regular expressions that every reader of ours understands.

The same strings stand in the CRDs (RE2 in the API server) and in the ledger (`re`), so
they keep to what RE2, ECMA-262 and Python share: no look-around, no named groups, no
`\d` (which Python would let match digits of other scripts). They are anchored, since a
CRD's `pattern` is a search.

They are GTO's grammar narrowed to what git accepts as a ref, for what we write; reading
follows GTO (`playbill.ledger.grammar`). One rule of git cannot be said without
look-ahead, that no part of a ref ends in `.lock`: `grammar.check_*` adds it.
"""

from typing import Final

_NAME: Final = r"[a-zA-Z0-9]((/?[a-zA-Z0-9_-])*/?[a-zA-Z0-9])?"
_PART: Final = r"(\.?[a-zA-Z0-9_-])*"

STAGE_NAME: Final = f"^{_NAME}$"
"""Letters, digits, `-`, `_` and single `/`; begins and ends with a letter or digit."""

ARTIFACT_NAME: Final = f"^([a-zA-Z0-9_]{_PART}(/[a-zA-Z0-9_-]{_PART})*:)?{_NAME}$"
"""A name, after an optional `dir:` where dir is the directory of its dvc.yaml."""

_NUMBER: Final = r"(0|[1-9][0-9]*)"
_PRERELEASE: Final = r"(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)"
_BUILD: Final = r"[0-9a-zA-Z-]+"

SEMVER_UNANCHORED: Final = (
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}"
    rf"(-{_PRERELEASE}(\.{_PRERELEASE})*)?(\+{_BUILD}(\.{_BUILD})*)?"
)
SEMVER: Final = f"^v?{SEMVER_UNANCHORED}$"
"""Strict SemVer 2.0.0, with or without GTO's leading `v`."""

# A tag's longest path component is `N@V!#k` or `N#S!#k`; these keep it, and the `.lock`
# that git appends while it writes, within the 255 bytes of a file name.
ARTIFACT_MAX_LENGTH: Final = 120
STAGE_MAX_LENGTH: Final = 100
SEMVER_MAX_LENGTH: Final = 100
