"""Versions and stages as GTO keeps them, in git tags: `name@v0.2.0` is a version, `name#prod#3` the third assignment of a stage.

Written through GTO; read by the tags' names, since GTO orders what happened within one second by chance.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flows.dvc_graph import dvc
from flows.git import git

PARTS = ("major", "minor", "patch")
FIRST = "v0.1.0"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Version:
    """A version tag of an artifact and the commit it stands on."""

    name: str
    number: str  # v0.2.0
    commit: str
    date: str = ""  # of the tag

    @property
    def tag(self) -> str:
        return f"{self.name}@{self.number}"

    @property
    def order(self) -> tuple[int, ...]:
        return tuple(int(part) for part in self.number[1:].split("."))


def versions(name: str) -> list[Version]:
    """The versions of an artifact, lowest first."""
    found = [
        Version(name, match.group(1), commit, date)
        for tag, commit, date in _tags(f"{name}@v*")
        if (match := re.fullmatch(re.escape(name) + r"@(v\d+\.\d+\.\d+)", tag))
    ]
    return sorted(found, key=lambda version: version.order)


def next_number(name: str, part: str) -> str:
    """The number after an artifact's highest: v0.1.0, then one more major, minor or patch."""
    if part not in PARTS:
        raise ValueError(f"bump {part!r} is not one of {', '.join(PARTS)}.")
    known = versions(name)
    if not known:
        return FIRST
    at = PARTS.index(part)
    numbers = [*known[-1].order[:at], known[-1].order[at] + 1, *(0 for _ in PARTS[at + 1 :])]
    return "v" + ".".join(map(str, numbers))


def register(name: str, number: str, commit: str) -> str:
    """Tag a commit as a version, unless it is tagged so already; returns the tag."""
    import gto.api
    from gto.exceptions import GTOException

    wanted = Version(name, number, commit)
    standing = {version.number: version for version in versions(name)}.get(number)
    if standing is None:
        try:
            gto.api.register(".", name, commit, version=number, message=f"{name} {number}")
        except GTOException as error:
            raise ValueError(f"{wanted.tag} cannot be registered: {error}") from error
    elif standing.commit != commit:
        raise ValueError(f"{wanted.tag} stands on commit {standing.commit[:9]} already, not on {commit[:9]}.")
    return wanted.tag


def in_stage(name: str, stage: str) -> list[str]:
    """What a rollback walks: the version in the stage now, last, on top of those it stands on.

    Going back to a version takes everything above it away, so that a second rollback goes further back and not to the
    version that was just found wanting.
    """
    number_of = {version.commit: version.number for version in versions(name)}
    pattern = re.compile(re.escape(f"{name}#{stage}") + r"(!?)#(\d+)")
    events = [
        (int(match.group(2)), bool(match.group(1)), number_of[commit])
        for tag, commit, _ in _tags(f"{name}#{stage}*")
        if (match := pattern.fullmatch(tag)) and commit in number_of
    ]
    stack: list[str] = []
    for _, taken_out, number in sorted(events):
        if number in stack:
            del stack[stack.index(number) + (0 if taken_out else 1) :]
        elif not taken_out:
            stack.append(number)
    return stack


def promote(name: str, number: str, stage: str, push_tags: bool, say: Say) -> str:
    """Put a version ("latest" for the highest) into a stage; returns its number. ValueError when there is no such version."""
    name = name or model_name()
    known = [version.number for version in versions(name)]
    if not known:
        raise ValueError(f"{name} has no version. Make one: python -m flows release")
    wanted = known[-1] if number == "latest" else number
    if wanted not in known:
        raise ValueError(f"{name} has no version {wanted}. Known: {', '.join(known)}.")
    if in_stage(name, stage)[-1:] == [wanted]:
        say(f"{name} {wanted} is in stage {stage} already")
    else:
        say(f"{name} {wanted} is in stage {stage}: tag {_assign(name, wanted, stage)}")
    _push_stage(name, stage, push_tags, say)
    return wanted


def rollback(name: str, stage: str, push_tags: bool, say: Say) -> str:
    """Put the version back that was in the stage before; returns its number. ValueError when there was none."""
    name = name or model_name()
    standing = in_stage(name, stage)
    if len(standing) < 2:
        now = f"{standing[0]} is the first version" if standing else "no version was ever"
        raise ValueError(f"{name}: {now} in stage {stage}. Nothing to go back to; see: python -m flows versions")
    say(f"{name} {standing[-2]} is in stage {stage} again: tag {_assign(name, standing[-2], stage)}")
    _push_stage(name, stage, push_tags, say)
    return standing[-2]


def model_name() -> str:
    """The model of this checkout's params.yaml."""
    from ruamel.yaml import YAML

    return YAML(typ="safe").load(Path("params.yaml").read_text(encoding="utf-8"))["release"]["name"]


def _push_stage(name: str, stage: str, push_tags: bool, say: Say) -> None:
    # All of the stage's tags: an earlier push may not have got through.
    for line in push([tag for tag, _, _ in _tags(f"{name}#{stage}#*")], with_data=False) if push_tags else []:
        say(line)


def _assign(name: str, number: str, stage: str) -> str:
    import gto.api
    from gto.exceptions import GTOException

    before = {tag for tag, _, _ in _tags(f"{name}#{stage}#*")}
    try:
        # force: GTO refuses a version that was in the stage before, which is what going back is.
        gto.api.assign(".", name, stage, version=number, skip_registration=True, force=True)
    except GTOException as error:
        raise ValueError(f"{name} {number} cannot go into stage {stage}: {error}") from error
    (tag,) = {tag for tag, _, _ in _tags(f"{name}#{stage}#*")} - before
    return tag


def stages(name: str) -> dict[str, str]:
    """stage -> the version in it now."""
    names = sorted({tag.split("#")[1].rstrip("!") for tag, _, _ in _tags(f"{name}#*")})
    return {stage: standing[-1] for stage in names if (standing := in_stage(name, stage))}


def _tags(pattern: str) -> list[tuple[str, str, str]]:
    """(tag, commit it stands on, date of the tag)"""
    form = "%(refname:strip=2) %(objectname) %(creatordate:short) %(*objectname)"
    parts = [line.split() for line in git("for-each-ref", f"--format={form}", f"refs/tags/{pattern}").splitlines()]
    return [(words[0], words[3] if len(words) > 3 else words[1], words[2]) for words in parts]


def remote() -> str | None:
    """The git remote to push to: `origin`, or the first there is."""
    names = git("remote").split()
    return "origin" if "origin" in names else next(iter(names), None)


def push(tags: list[str], with_data: bool) -> list[str]:
    """Push data to DVC's remote, then branch and tags to git's, so that no tag names data nobody has; says what was done."""
    done = []
    if with_data and dvc("remote", "list").strip():
        dvc("push", "--jobs", "8")
        done.append("data and models are in the DVC remote")
    elif with_data:
        done.append("no DVC remote: data and models are on this machine alone")
    where = remote()
    if where is None:
        return [*done, "no git remote: commit and tags are in this repository alone"]
    branch = git("branch", "--show-current")
    heads = [f"HEAD:refs/heads/{branch}"] if with_data and branch else []
    git("push", "--atomic", where, *heads, *(f"refs/tags/{tag}" for tag in tags))
    return [*done, f"pushed to git remote {where}: {', '.join([branch] * bool(heads) + tags)}"]
