"""From an up-to-date checkout to a version: gates, the card that names it, one commit, tags, and a push where there is somewhere.

Each step looks at what stands before it acts, so that a release that was cut off is completed by running it again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from prefect import flow
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from flows import gates, journal, versions
from flows.doctor import heal
from flows.dvc_graph import DvcError, repro, stale
from flows.files import write_json
from flows.gates import RELEASE, Gate, Subject
from flows.git import git, git_file, identity

RELEASES = "reports/releases.json"  # git's, and a dep of the arm `release`, whose card shows it
PROVENANCE = Path("reports/provenance.json")
COMMITTED = ("dvc.lock", "reports")  # what a release commit may hold; everything else must be committed before
Say = Callable[[str], None]


class RefusedError(ValueError):
    """Gates that are red; the text is one line for each."""


@flow(name="release", log_prints=True)
def release(push: bool = True, bump: str = "minor"):
    """Release the model of this checkout and, where it is new, its dataset; red gates fail the run with every reason."""
    try:
        return Completed(message=make(push, bump, print))
    except (ValueError, FileNotFoundError, RuntimeError) as error:  # a refusal, told without a traceback
        return Failed(message=str(error))


def make(push: bool, bump: str, say: Say) -> str:
    """Gates to tags; returns what was released. RefusedError names every red gate."""
    for line in heal():
        say(line)
    subject = Subject.of_checkout()
    complete_tags(say)
    entry = released(subject)
    if entry:
        say(f"already released as {subject.model} {entry['version']}")
    else:
        entry = commit_release(subject, bump, say)
        complete_tags(say)
    if push:
        for line in versions.push([f"{name}@{number}" for name, number in tags_of(entry)], with_data=True):
            say(line)
    return f"{entry['model']} {entry['version']} on {entry['dataset']} {entry['dataset_version']}"


def commit_release(subject: Subject, bump: str, say: Say) -> dict:
    """The commit of a new version; returns its entry of reports/releases.json."""
    refuse_uncommitted()
    found = gates.look(subject, remake_what_is_ours(say))
    for gate in found:
        say(str(gate))
    if red := [str(gate) for gate in found if not gate.passed]:
        raise RefusedError(f"{len(red)} of {len(found)} gates are red, nothing is released:\n  " + "\n  ".join(red))
    entry = draft(subject, bump)
    write_json(Path(RELEASES), [*committed(), entry])
    make_card(say)
    write_json(PROVENANCE, provenance())
    git("add", "--", *COMMITTED)
    git(*identity(), "commit", "--quiet", "--message", title(entry), "--", *COMMITTED)
    return entry


def refuse_uncommitted() -> None:
    """ValueError lists what git has not: a version must be rebuilt from its commit."""
    # -z: no quoting of names; a rename would be two entries, so renames are not looked for.
    changes = git("status", "--porcelain", "--no-renames", "--untracked-files=all", "-z").split("\0")
    outside = [line[3:] for line in changes if line and not line[3:].startswith(("dvc.lock", "reports/"))]
    if outside:
        raise ValueError(f"not committed: {', '.join(outside)}. Commit or remove it, then release.")


def remake_what_is_ours(say: Say) -> Gate | None:
    """Undo a release that was cut off before its commit, and run the arm `release` where it alone is stale.

    Returns a red gate when that arm refuses.
    """
    if gates.read(Path(RELEASES)) != committed():
        say(f"{RELEASES} is not as committed: a release stopped before its commit, and starts again")
        write_json(Path(RELEASES), committed())
    changed = stale(allow_missing=True)
    if changed <= {"release"} and (changed or not (RELEASE / "parity.json").is_file()):
        try:
            make_card(say)
        except DvcError as error:
            told = [line for line in str(error).splitlines() if line.startswith("ERROR release: ")]
            return Gate("stage release", False, told[0].removeprefix("ERROR release: ") if told else str(error))
    return None


def make_card(say: Say) -> None:
    """Run the arm `release`, which writes the card and certifies the towers, and note it in the journal."""
    with journal.timed() as clock:
        ran = repro("release", say, allow_missing=True)
    if ran:
        run = {"flow_run_id": flow_run.id, "flow_run": flow_run.name, "task_run_id": None}
        journal.write(Path(), "release", seconds=clock.seconds, **run)


def committed(ref: str = "HEAD") -> list[dict]:
    """The releases that a commit knows, oldest first."""
    return json.loads(git_file(ref, RELEASES) or "[]")


def released(subject: Subject) -> dict | None:
    """The entry of this very model on this very dataset, if it is committed."""
    keys = ("model", "dataset", "model_sha", "dataset_sha")
    return next((one for one in committed() if all(one[key] == getattr(subject, key) for key in keys)), None)


def draft(subject: Subject, bump: str) -> dict:
    """The entry of a new version. A dataset keeps its number for as long as its bytes stay."""
    number = gates.dataset_numbers(subject.dataset).get(subject.dataset_sha)
    keys = ("task", "origin", "primary", "value", "ci95", "n")
    tables = [gates.read(Path(gates.SCORES.format(task))) for task in subject.tasks]
    return {
        "model": subject.model,
        "version": versions.next_number(subject.model, bump),
        "model_sha": subject.model_sha,
        "origin": gates.read(Path("reports/training.json"))["origin"],
        "dataset": subject.dataset,
        "dataset_version": number or versions.next_number(subject.dataset, "minor"),
        "dataset_sha": subject.dataset_sha,
        "code": git("rev-parse", "HEAD"),
        "scores": [{key: score[key] for key in keys} for table in tables for score in table.values()],
    }


def title(entry: dict) -> str:
    return f"Release {entry['model']} {entry['version']}"


def complete_tags(say: Say) -> None:
    """Tag what reports/releases.json has committed and git has no tag for.

    Another clone's tags are fetched first: a tag is made again only where it is nowhere.
    """
    entries = committed()
    if any(missing(entry) for entry in entries) and (where := versions.remote()):
        try:
            git("fetch", "--quiet", "--tags", where)
        except RuntimeError as error:
            say(str(error))
    for entry in entries:
        for name, number in missing(entry):
            say(f"tagged {versions.register(name, number, release_commit(entry))}")


def tags_of(entry: dict) -> list[tuple[str, str]]:
    return [(entry["dataset"], entry["dataset_version"]), (entry["model"], entry["version"])]


def missing(entry: dict) -> list[tuple[str, str]]:
    """(name, number) of an entry's versions that have no tag here."""
    return [
        (name, number)
        for name, number in tags_of(entry)
        if number not in {version.number for version in versions.versions(name)}
    ]


def release_commit(entry: dict) -> str:
    """The commit that made an entry. ValueError where history has it no more."""
    found = git("log", "--format=%H %s", "--", RELEASES).splitlines()
    for line in found:
        commit, _, subject = line.partition(" ")
        if subject == title(entry) and entry in committed(commit):
            return commit
    raise ValueError(f"no commit of this branch is called {title(entry)!r}, although {RELEASES} names that version.")


def provenance() -> dict:
    """Where the release comes from, beyond what dvc.lock says: the runs that made its outputs, and the captioners."""
    from ruamel.yaml import YAML

    lock = YAML(typ="safe").load(Path("dvc.lock").read_text(encoding="utf-8"))
    locked = {out["path"]: out.get("md5") for arm in lock["stages"].values() for out in arm.get("outs", [])}
    lines = journal.FILE.read_text(encoding="utf-8").splitlines() if journal.FILE.is_file() else []
    arms = {}
    for line in map(json.loads, filter(None, lines)):
        if line["outs"] and all(locked.get(path) == md5 for path, md5 in line["outs"].items()):
            arms[line["arm"]] = line  # the latest of an arm
    return {
        "commit": git("rev-parse", "HEAD"),
        "params_sha": hashlib.sha256(Path("params.yaml").read_bytes()).hexdigest(),
        "captioners": captioners(Path("data/captions")),
        "arms": [arms[name] for name in sorted(arms)],
    }


def captioners(folder: Path) -> list[dict]:
    """Who wrote the captions: captioner, model and prompt, each once."""
    import pyarrow.parquet as pq

    keys = ["captioner", "model", "prompt_sha"]
    found = {
        tuple(row.values())
        for path in sorted(folder.glob("*.parquet"))
        for row in pq.read_table(path, columns=keys).group_by(keys).aggregate([]).to_pylist()
    }
    return [dict(zip(keys, one, strict=True)) for one in sorted(found)]
