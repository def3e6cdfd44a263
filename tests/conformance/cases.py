"""The table: every rule of GTO that we found, for our fold and for our writer.

The rows stand in the order of the rules (`numbers` counts them), and carry the sequences of
tags of which GTO's own output is recorded in `gto_cases.json`. A row says what the resources
ask in turn (`asks`), beside tags that others wrote before (`before`), which tags that comes
to (`writes`, left out: those of the sequence), what is refused to whom, and what the real GTO
must say afterwards (`means`). Where a row has no part for the fold or for the writer, it
says why. Defects of GTO, where we differ on purpose, by their letters:

    (a) `gto show` cuts versions to seven characters     (e) `dvc artifacts get` disregards `!`
    (b) `--av 1` keeps the oldest stage, not the newest  (f) a bare commit cannot be unassigned
    (c) one bad tag breaks every command                 (g) a commit dated later revives
    (d) a version that returned breaks `gto show NAME`
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from playbill.api.errors import Stalled

from .reading import Meant
from .repositories import Tag
from .writing import Model, Spec, Stage, Version


@dataclass(frozen=True, kw_only=True)
class Case:
    """One rule: for the fold a sequence or tags, for the writer what is asked in turn."""

    id: str
    numbers: tuple[int, ...] = ()
    sequence: str | None = None
    tags: Sequence[Tag] = ()
    asks: Sequence[Sequence[Spec]] = ()
    before: Sequence[Tag] = ()
    writes: Sequence[str] | None = None
    refuses: Mapping[str, str] = field(default_factory=dict)
    means: Meant = field(default_factory=dict)
    not_folded: str = ""
    not_written: str = ""
    defect: str = ""


V1, V2 = Version("m", "v1.0.0", 1), Version("m", "v2.0.0", 2)
ONE_HOLDER = "one assignment has one holder: leaving takes every holder with it, lest GTO fall back"
NESTED = "some/Other_Folder:some/model"

CASES = (
    Case(
        id="the showcase",
        numbers=(1, 2),
        sequence="showcase",
        asks=[
            [Version("nn", "v0.0.1", 1), Version("rf", "v1.2.3", 1)],
            [Version("rf", "v1.2.4", 2), Stage("nn", "staging", "v0.0.1")],
            [Stage("rf", "production", "v1.2.3")],
            [Stage("rf", "staging", "v1.2.4")],
            [Stage("rf", "production", "v1.2.4")],
            [Stage("rf", "production", "v1.2.3")],
        ],
        means={
            "nn": ("v0.0.1", {"staging": "v0.0.1"}),
            "rf": ("v1.2.4", {"production": "v1.2.3", "staging": "v1.2.4"}),
        },
    ),
    Case(
        id="three stages of one commit share one count",
        numbers=(3,),
        tags=[Tag("m@v1.0.0", 1, 1)]
        + [Tag(f"m#{s}#{i}", 1, i + 1) for i, s in enumerate("abc", 1)],
        asks=[
            [V1],
            [Stage("m", "a", "v1.0.0")],
            [Stage("m", "b", "1.0.0")],
            [Stage("m", "c", "v1.0.0")],
        ],
        means={"m": ("v1.0.0", {"a": "v1.0.0", "b": "v1.0.0", "c": "v1.0.0"})},
    ),
    Case(
        id="two stages asked at once",
        numbers=(3,),
        sequence="multi_stage_one_version",
        asks=[[V1, Stage("m", "dev", "v1.0.0"), Stage("m", "prod", "v1.0.0")]],
        means={"m": ("v1.0.0", {"dev": "v1.0.0", "prod": "v1.0.0"})},
    ),
    Case(
        id="numbers that are left out",
        numbers=(4,),
        not_folded="what is allotted is the writer's; the bump of a first version, which GTO's "
        "command refuses, is the default of a field here and gives v0.0.1",
        asks=[
            [Version("m", None, 1, bump="Major")],
            [Version("m", None, 2)],
            [Version("m", None, 3, bump="Minor")],
            [Version("m", None, 4, bump="Major")],
        ],
        writes=["m@v0.0.1", "m@v0.0.2", "m@v0.1.0", "m@v1.0.0"],
        means={"m": ("v1.0.0", {})},
    ),
    Case(
        id="a withdrawn number is not given again",
        numbers=(4, 5),
        not_folded="GTO counts from the highest active version, and then fails with TagExists",
        asks=[
            [Version("m", None, 1)],
            [Version("m", None, 2)],
            [Version("m", None, 2, deregistered=True)],
            [Version("m", None, 3)],
        ],
        writes=["m@v0.0.1", "m@v0.0.2", "m@v0.0.2!", "m@v0.0.3"],
        means={"m": ("v0.0.3", {})},
    ),
    Case(
        id="the latest is deregistered",
        numbers=(5,),
        sequence="deregister_latest",
        asks=[
            [V1],
            [Version("m", "v1.0.1", 2)],
            [Version("m", "v1.0.1", 2, deregistered=True)],
        ],
        means={"m": ("v1.0.0", {})},
    ),
    Case(
        id="a version returns",
        numbers=(6,),
        sequence="reregister",
        asks=[[V1], [Version("m", "v1.0.0", 1, deregistered=True)], [V1]],
        means={"m": ("v1.0.0", {})},
        defect="d",
    ),
    Case(
        id="a version that others withdrew does not return",
        numbers=(6,),
        not_folded="the same tags as of the latest that is deregistered",
        asks=[[Version("m", "v1.0.0", 2)]],
        before=[Tag("m@v0.9.0", 1, 1), Tag("m@v1.0.0", 2, 1), Tag("m@v1.0.0!", 2, 2)],
        writes=[],
        refuses={"m v1.0.0": "Deregistered"},
        means={"m": ("v0.9.0", {})},
    ),
    Case(
        id="two versions that held one stage",
        numbers=(7,),
        sequence="two_versions_one_stage",
        asks=[
            [Version("m", "v0.0.1", 2)],
            [Stage("m", "s", "v0.0.1")],
            [Version("m", "v0.0.2", 1)],
            [Stage("m", "s", "v0.0.2")],
        ],
        means={"m": ("v0.0.2", {"s": "v0.0.2"})},
    ),
    Case(
        id="a stage is emptied",
        numbers=(8,),
        sequence="unassign",
        asks=[
            [Version("m", "v0.0.1", 1)],
            [Stage("m", "dev", "v0.0.1")],
            [Stage("m", "dev", "v0.0.1", leaving=True)],
        ],
        means={"m": ("v0.0.1", {})},
    ),
    Case(
        id="an unassigned winner leaves the stage to the one before",
        numbers=(9,),
        sequence="unassign_falls_back",
        asks=[
            [V1, V2],
            [Stage("m", "p", "v1.0.0")],
            [Stage("m", "p", "v2.0.0")],
            [Stage("m", "p", "v2.0.0", leaving=True)],
        ],
        writes=["m@v1.0.0", "m@v2.0.0", "m#p#1", "m#p#2", "m#p!#3", "m#p!#4"],
        means={"m": ("v2.0.0", {})},
        not_written=ONE_HOLDER,
    ),
    Case(
        id="going back to the older version",
        numbers=(10, 14),
        sequence="reassign_older",
        asks=[[V1, V2], [Stage("m", "p", "v2.0.0")], [Stage("m", "p", "v1.0.0")]],
        means={"m": ("v2.0.0", {"p": "v1.0.0"})},
    ),
    Case(
        id="back and forth, where GTO asks for --force",
        numbers=(14,),
        tags=[
            *(Tag("m@v1.0.0", 1, 1), Tag("m@v2.0.0", 2, 2)),
            *(Tag("m#p#1", 1, 3), Tag("m#p#2", 2, 4), Tag("m#p#3", 1, 5)),
        ],
        asks=[
            [V1, V2],
            *([Stage("m", "p", v)] for v in ("v1.0.0", "v2.0.0", "v1.0.0")),
        ],
        means={"m": ("v2.0.0", {"p": "v1.0.0"})},
    ),
    Case(
        id="time beats the counter",
        numbers=(11,),
        sequence="time_beats_counter",
        asks=[[Stage("m", "p", "v2.0.0")]],
        before=[Tag("m@v1.0.0", 1, 1), Tag("m@v2.0.0", 2, 2), Tag("m#p#7", 1, 3)],
        writes=["m#p#8"],
        means={"m": ("v2.0.0", {"p": "v2.0.0"})},
        not_written="our counters grow with time, also beyond those of others",
    ),
    Case(
        id="an assignment without a version",
        numbers=(12,),
        sequence="skip_registration",
        asks=[[Stage("m", "p", "v1.0.0")]],
        writes=[],
        refuses={"m p": "DependencyNotFound"},
        not_written="an assignment names a version and waits until it is registered",
    ),
    Case(
        id="a version comes to a commit that has a stage",
        numbers=(13,),
        sequence="late_registration",
        asks=[[Version("m", "v0.0.1", 1)]],
        before=[Tag("m#p#1", 1, 1)],
        writes=["m@v0.0.1"],
        means={"m": ("v0.0.1", {"p": "v0.0.1"})},
    ),
    Case(
        id="simple tags and counters",
        sequence="simple_and_counter",
        asks=[[Stage("m", "p", "v1.0.0")]],
        before=[Tag("m@v1.0.0", 1, 1), Tag("m#p", 1, 2), Tag("m#p!", 1, 3)],
        writes=["m#p#1"],
        means={"m": ("v1.0.0", {"p": "v1.0.0"})},
    ),
    Case(
        id="asked twice",
        numbers=(14,),
        sequence="force_again",
        asks=[[V1], [Stage("m", "p", "v1.0.0")], [Stage("m", "p", "v1.0.0", message="again")]],
        writes=["m@v1.0.0", "m#p#1"],
        means={"m": ("v1.0.0", {"p": "v1.0.0"})},
        not_written="who is on stage is not assigned again; --force is of the command alone",
    ),
    Case(
        id="deprecated",
        numbers=(15,),
        sequence="deprecate",
        asks=[[V1], [Model("m", deprecated=True)], [Model("m", deprecated=True)]],
    ),
    Case(
        id="deprecated, restored, deprecated",
        numbers=(15,),
        tags=[
            *(Tag("m@v1.0.0", 1, 1), Tag("m@deprecated", 1, 2)),
            *(Tag("m#deprecated!#1", 1, 3), Tag("m@deprecated#2", 1, 4)),
        ],
        asks=[
            [V1],
            *([Model("m", deprecated=yes)] for yes in (True, False, True)),
        ],
    ),
    Case(
        id="a new version revives",
        numbers=(16,),
        sequence="deprecate_then_version",
        asks=[[V1], [Model("m", deprecated=True)], [Version("m", "v1.1.0", 2)]],
        writes=["m@v1.0.0", "m@deprecated"],
        refuses={"m v1.1.0": "ModelDeprecated"},
        not_written="a deprecated model takes nothing new until it is set back",
    ),
    Case(
        id="a new version after the return",
        numbers=(16,),
        tags=[
            *(Tag("m@v1.0.0", 1, 1), Tag("m@deprecated", 1, 2)),
            *(Tag("m#deprecated!#1", 1, 3), Tag("m@v1.1.0", 2, 4)),
        ],
        asks=[
            [V1],
            [Model("m", deprecated=True)],
            [Model("m"), Version("m", "v1.1.0", 2)],
        ],
        means={"m": ("v1.1.0", {})},
    ),
    Case(
        id="an unassignment revives",
        numbers=(16,),
        sequence="deprecate_then_unassign",
        asks=[
            [V1],
            [Stage("m", "p", "v1.0.0")],
            [Model("m", deprecated=True)],
            [Stage("m", "p", "v1.0.0", leaving=True)],
        ],
        writes=["m@v1.0.0", "m#p#1", "m@deprecated", "m#p!#2", "m@deprecated#3"],
        not_written="the stage is emptied, and the model deprecated again",
    ),
    Case(
        id="deprecated in the same second",
        sequence="deprecate_same_second",
        asks=[[V1, Model("m", deprecated=True)]],
    ),
    Case(
        id="deregistered in the same second",
        sequence="deregister_same_second",
        asks=[[V1], [Version("m", "v1.0.0", 1, deregistered=True)]],
        means={"m": (None, {})},
    ),
    Case(
        id="unassigned in the same second",
        sequence="assign_unassign_same_second",
        asks=[[V1], [Stage("m", "p", "v1.0.0")], [Stage("m", "p", "v1.0.0", leaving=True)]],
        means={"m": ("v1.0.0", {})},
    ),
    Case(
        id="two assignments of one second",
        sequence="two_assign_same_second",
        asks=[[V1, V2], [Stage("m", "p", "v2.0.0")], [Stage("m", "p", "v1.0.0")]],
        means={"m": ("v2.0.0", {"p": "v1.0.0"})},
    ),
    Case(
        id="the higher version last, of one second",
        tags=[
            *(Tag("m@v1.0.0", 1, 1), Tag("m@v2.0.0", 2, 1)),
            *(Tag("m#p#1", 1, 2), Tag("m#p#2", 2, 2)),
        ],
        asks=[[V1, V2], [Stage("m", "p", "v1.0.0")], [Stage("m", "p", "v2.0.0")]],
        means={"m": ("v2.0.0", {"p": "v2.0.0"})},
    ),
    Case(
        id="lightweight tags",
        numbers=(17,),
        sequence="lightweight_ignored",
        asks=[[V1]],
        before=[Tag("m@v1.0.0", 1, 1, lightweight=True)],
        writes=[],
        refuses={"m v1.0.0": "TagTaken"},
    ),
    Case(
        id="unrelated tags",
        numbers=(17,),
        sequence="unrelated_tags",
        asks=[[V1]],
        before=[Tag(n, 1, 1) for n in ("v1.0.0", "release-1", "m@1.0.0", "m@v1")],
        writes=["m@v1.0.0"],
        means={"m": ("v1.0.0", {})},
    ),
    Case(
        id="a directory in the name",
        numbers=(20,),
        sequence="nested_name",
        asks=[
            [Version("some/folder:some/artifact", "v1.0.0", 1)],
            [Stage("some/folder:some/artifact", "p", "v1.0.0")],
        ],
        means={"some/folder:some/artifact": ("v1.0.0", {"p": "v1.0.0"})},
    ),
    Case(
        id="the same name in two directories and in none",
        numbers=(20,),
        tags=[
            *(Tag("some/Other_Folder=some/model@v1.0.0", 1, 1), Tag("some/model@v2.0.0", 1, 1)),
            *(Tag("a.b=model@v3.0.0", 1, 1), Tag("some/Other_Folder=some/model#prod/eu#1", 1, 2)),
        ],
        asks=[
            [Version(NESTED, "v1.0.0", 1), Version("some/model", "v2.0.0", 1)],
            [Version("a.b:model", "v3.0.0", 1), Stage(NESTED, "prod/eu", "v1.0.0")],
        ],
        means={
            NESTED: ("v1.0.0", {"prod/eu": "v1.0.0"}),
            "some/model": ("v2.0.0", {}),
            "a.b:model": ("v3.0.0", {}),
        },
    ),
    Case(
        id="a version and its stage at once",
        numbers=(21,),
        tags=[Tag("m@v0.0.1", 1, 1), Tag("m#dev#1", 1, 2)],
        asks=[[Stage("m", "dev", "v0.0.1"), Version("m", None, 1)]],
        means={"m": ("v0.0.1", {"dev": "v0.0.1"})},
    ),
    Case(
        id="another version on the commit",
        numbers=(22,),
        sequence="two_versions_same_commit_no_stage",
        asks=[[V1], [Version("m", "v1.0.1", 1)], [Version("m", None, 1)]],
        writes=["m@v1.0.0"],
        refuses={"m v1.0.1": "CommitTaken", "m 1": "CommitTaken"},
        means={"m": ("v1.0.0", {})},
        not_written="a stage on such a commit would break GTO",
    ),
    Case(
        id="another version on the commit, and a stage",
        sequence="two_versions_same_commit_stage",
        asks=[[Stage("m", "p", "v1.0.0")]],
        before=[Tag("m@v1.0.0", 1, 1), Tag("m@v1.0.1", 1, 2)],
        writes=[],
        refuses={"m p": "CommitAmbiguous"},
        means={"m": ("v1.0.1", {})},
        not_written="a stage on such a commit would break GTO",
        defect="c",
    ),
    Case(
        id="what is no version",
        numbers=(22,),
        not_folded="of the command line; a number without its v is taken, and written with it",
        asks=[[Version("m", "1.0.0", 1)], [Version("m", "1.2", 2)]],
        writes=["m@v1.0.0"],
        refuses={"m 1.2": "InvalidVersion"},
        means={"m": ("v1.0.0", {})},
    ),
    Case(
        id="a stray tag that GTO knows",
        sequence="created_tag",
        not_written="no command of GTO reads the repository any more, whoever writes",
        defect="c",
    ),
    Case(
        id="a version that is there already",
        numbers=(25,),
        not_folded="an error of GTO's command (TagExists)",
        asks=[[V1], [Version("m", "v2.0.0", 3, pinned=True)]],
        before=[Tag("m@v1.0.0", 1, 1), Tag("m@v2.0.0", 2, 1)],
        writes=[],
        refuses={"m v2.0.0": "VersionTaken"},
        means={"m": ("v2.0.0", {})},
    ),
    Case(
        id="a revision that is nowhere",
        numbers=(25,),
        not_folded="an error of GTO's command (RefNotFound)",
        asks=[[V1], [Version("m", "v2.0.0", 2, trouble=Stalled("RevisionNotFound", "nowhere"))]],
        writes=["m@v1.0.0"],
        refuses={"m v2.0.0": "RevisionNotFound"},
        means={"m": ("v1.0.0", {})},
    ),
    Case(
        id="precedence of versions",
        numbers=(26,),
        sequence="semver_order",
        asks=[
            [Version("m", "v1.0.0-rc.2", 1)],
            [Version("m", "v1.0.0-rc.10", 2)],
            [Version("m", "v0.10.0", 3), Version("m", "v0.9.0", 4)],
        ],
        means={"m": ("v1.0.0-rc.10", {})},
    ),
    Case(
        id="a pre-release after its release",
        numbers=(26,),
        sequence="prerelease_below_release",
        asks=[[V1], [Version("m", "v1.0.0-rc.1", 2)]],
        means={"m": ("v1.0.0", {})},
    ),
    Case(
        id="build metadata on stages",
        numbers=(26,),
        tags=[
            *(Tag("m@v1.0.0-rc.1+gpu.7", 1, 1), Tag("m@v1.0.0-rc.2+cpu", 2, 2)),
            Tag("m#dev#1", 1, 3),
        ],
        asks=[
            [Version("m", "1.0.0-rc.1+gpu.7", 1), Version("m", "v1.0.0-rc.2+cpu", 2)],
            [Stage("m", "dev", "1.0.0-rc.1+gpu.7")],
        ],
        means={"m": ("v1.0.0-rc.2+cpu", {"dev": "v1.0.0-rc.1+gpu.7"})},
        defect="a",
    ),
    Case(
        id="the winner is deregistered",
        numbers=(27,),
        sequence="deregister_staged_version",
        asks=[
            [V1, V2],
            [Stage("m", "p", "v1.0.0")],
            [Stage("m", "p", "v2.0.0")],
            [Version("m", "v2.0.0", 2, deregistered=True)],
        ],
        writes=["m@v1.0.0", "m@v2.0.0", "m#p#1", "m#p#2"],
        refuses={"m v2.0.0": "InUse"},
        means={"m": ("v2.0.0", {"p": "v2.0.0"})},
        not_written="a version in use is not withdrawn",
    ),
    Case(
        id="the winner is replaced, then deregistered",
        numbers=(27,),
        tags=[
            *(Tag("m@v1.0.0", 1, 1), Tag("m@v2.0.0", 2, 2), Tag("m#p#1", 2, 3)),
            *(Tag("m#p#2", 1, 4), Tag("m@v2.0.0!", 2, 5)),
        ],
        asks=[
            [V1, V2],
            [Stage("m", "p", "v2.0.0")],
            [Stage("m", "p", "v1.0.0"), Version("m", "v2.0.0", 2, deregistered=True)],
        ],
        means={"m": ("v1.0.0", {"p": "v1.0.0"})},
    ),
    Case(
        id="one of two stages moves on",
        sequence="kanban_two",
        asks=[
            [V1, V2],
            [Stage("m", "dev", "v1.0.0")],
            [Stage("m", "prod", "v1.0.0")],
            [Stage("m", "dev", "v2.0.0")],
        ],
        means={"m": ("v2.0.0", {"dev": "v2.0.0", "prod": "v1.0.0"})},
        defect="b",
    ),
    Case(id="an empty repository", numbers=(28,), asks=[[]], writes=[]),
    Case(
        id="the registry of iterative/example-gto",
        numbers=(29,),
        tags=[
            *(Tag("churn@v3.0.0", 1, 13), Tag("segment@v0.4.1", 1, 15)),
            *(Tag("cv-class@v0.1.13", 1, 17), Tag("churn@v3.1.0", 2, 113)),
            *(Tag("churn#dev#1", 1, 208), Tag("churn#staging#2", 2, 302)),
            *(Tag("churn#prod#3", 1, 395), Tag("churn#dev#4", 2, 489)),
            Tag("segment#dev#1", 1, 492),
        ],
        asks=[
            [Version("churn", "v3.0.0", 1), Version("churn", "v3.1.0", 2)],
            [Version("segment", "v0.4.1", 1), Version("cv-class", "v0.1.13", 1)],
            [Stage("churn", "dev", "v3.0.0")],
            [Stage("churn", "staging", "v3.1.0")],
            [Stage("churn", "prod", "v3.0.0")],
            [Stage("churn", "dev", "v3.1.0"), Stage("segment", "dev", "v0.4.1")],
        ],
        means={
            "churn": ("v3.1.0", {"dev": "v3.1.0", "prod": "v3.0.0", "staging": "v3.1.0"}),
            "segment": ("v0.4.1", {"dev": "v0.4.1"}),
            "cv-class": ("v0.1.13", {}),
        },
    ),
)

ELSEWHERE = {
    18: "test_grammar_is_gto.py: names of tags; nobody asks for a malformed one",
    19: "test_grammar_is_gto.py: names of artifacts",
    23: "test_what_gto_deletes.py: GTO deletes tags, the writer never does",
    24: "test_cases.py: who, when and in which words",
}
"""Rules of which a sequence of tags is not all."""

TAG_NAMES = (
    *("nn#prod", "nn#prod!", "nn#prod!#2", "nn@v1.0.0!#1", "nn@v1.0.0-alpha.beta"),
    *("nn@v1.0.0+build.1#2", "nn@deprecated", "nn@deprecated#3", "a/b=c/d#e/f#1"),
    *("model@v1", "nn#prod#-1", "model#prod@v1.2.3", "model@v1.2.3#prod", "@ns/model@0.0.1"),
    *("model#prod?#1-2", "nn@deprecated!", "nn#", "nn@", "nn#prod#", "n=n=n@v1.0.0", "nn@v01.0.0"),
)
ARTIFACT_NAMES = (
    *("1", "m", "1nn", "model_A", "DVCLive/Model", NESTED),
    *("", "m/", "/m", "_model", "-model", "model-", "model@1", "model#1", "a model", "a:", ":b"),
)
