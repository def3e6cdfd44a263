"""A plan in words: for a terminal, for a pull request, and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from playbill.api.errors import Retry, Waiting
from playbill.controllers.planning.planning import Plan
from playbill.controllers.planning.preview import Preview
from playbill.ledger.audit import visible
from playbill.ledger.policies.policy import Finding

_TITLES: Final[Mapping[str, str]] = {
    "write": "would be written",
    "nothing": "nothing to do",
    "wait": "would wait",
    "refused": "would be refused",
}
_SIGNS: Final[Mapping[str, str]] = {"write": "+", "nothing": "=", "wait": "…", "refused": "✗"}


def as_text(plan: Plan) -> str:
    """For a terminal."""
    blocks = ["\n".join(_text(each)) for each in plan.previews]
    if plan.others:
        blocks.append("Not in the files, and concerned:")
        blocks += ["\n".join(_text(each)) for each in plan.others]
    return "\n\n".join([*blocks, _sum(plan)])


def _text(preview: Preview) -> Iterator[str]:
    yield f"{_SIGNS[preview.outcome]} {preview.key}: {_headline(preview)}"
    for tag in preview.tags:
        yield f"    tag     {tag.name} on {tag.target[:12]}"
    if preview.message and not _is_told(preview):
        said = visible(preview.message)
        yield f"    {_TITLES[preview.outcome]:<7} {preview.reason}: {said}".rstrip(": ")
    for finding in preview.findings:
        yield f"    {_sign(finding)} {_rule(finding)}: {visible(finding.words)}"


def as_markdown(plan: Plan) -> str:
    """For a comment on a pull request."""
    lines = [f"### Playbill: {_sum(plan)}", ""]
    lines += ["| | object | what it comes to |", "|---|---|---|"]
    for preview in (*plan.previews, *plan.others):
        key = preview.key
        what = _headline(preview)
        if preview.message and not _is_told(preview):
            what += f"<br>{preview.reason}: {preview.message}"
        tags = "".join(f"<br>tag `{tag.name}`" for tag in preview.tags)
        lines.append(
            f"| {_SIGNS[preview.outcome]} | {key.kind} `{key.namespace}/{key.name}` | "
            f"{_cell(what)}{tags} |"
        )
    judged = [p for p in (*plan.previews, *plan.others) if p.findings]
    if judged:
        lines += ["", "| | object | rule | |", "|---|---|---|---|"]
        for preview in judged:
            lines += [
                f"| {_sign(f)} | `{preview.key.name}` | {_rule(f)} | {_cell(f.words)} |"
                for f in preview.findings
            ]
    return "\n".join(lines)


def as_json(plan: Plan) -> str:
    """For programs."""
    document = {
        "refused": plan.refused,
        "objects": [_json(each) for each in plan.previews],
        "others": [_json(each) for each in plan.others],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _json(preview: Preview) -> dict[str, Any]:
    key = preview.key
    whole = {
        "kind": key.kind,
        "namespace": key.namespace,
        "name": key.name,
        "outcome": preview.outcome,
        "model": preview.model,
        "stage": preview.stage,
        "from": preview.before,
        "to": preview.after,
        "tags": [{"name": tag.name, "commit": tag.target} for tag in preview.tags],
        "reason": preview.reason,
        "message": preview.message,
        "rules": [
            {
                "policy": finding.policy,
                "rule": finding.kind,
                "name": finding.name,
                "holds": finding.against is None,
                "message": finding.words,
            }
            for finding in preview.findings
        ],
    }
    return {name: value for name, value in whole.items() if value not in (None, "", [])}


def _headline(preview: Preview) -> str:
    if preview.stage:
        before, after = preview.before or "nobody", preview.after or "nobody"
        change = (
            f"{preview.stage} {before}"
            if before == after
            else (f"{preview.stage} {before} → {after}")
        )
        return f"{change}, {_TITLES[preview.outcome]}"
    if preview.after:
        return f"{preview.after}, {_TITLES[preview.outcome]}"
    return _TITLES[preview.outcome]


def _is_told(preview: Preview) -> bool:
    """Whether the rules below say the same."""
    return any(f.against is not None and f.against.reason == preview.reason
               for f in preview.findings)  # fmt: skip


def _sign(finding: Finding) -> str:
    if finding.against is None:
        return "✓"
    return "…" if isinstance(finding.against, Waiting | Retry) else "✗"


def _rule(finding: Finding) -> str:
    name = f" {finding.name}" if finding.name else ""
    return f"{finding.policy}, {finding.kind}{name}"


def _sum(plan: Plan) -> str:
    every = [*plan.previews, *plan.others]
    counts = {outcome: sum(p.outcome == outcome for p in every) for outcome in _TITLES}
    parts = [f"{count} {_TITLES[outcome]}" for outcome, count in counts.items() if count]
    return ", ".join(parts) or "nothing to look at"


def _cell(text: str) -> str:
    """Nothing in a table's cell ends it, or is taken for HTML of somebody else's."""
    plain = text.replace("<br>", "\n").replace("&", "&amp;").replace("<", "&lt;")
    return plain.replace("|", "\\|").replace("\n", "<br>")
