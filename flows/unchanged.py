"""An edit of code that changes no byte: shown on a sample, then recorded, so that a docstring does not re-ingest a terabyte."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from flows.dvc_graph import dvc, environment

SCRATCH = Path(".runs/unchanged")
RECORD = Path("reports/unchanged.jsonl")
CODE = ("biolingual", "stages", "params.yaml", "dvc.yaml")


def unchanged(stage: str, reason: str, sample: int, say: Callable[[str], None] = print) -> None:
    """Commit a stage's stale arms as they are, if a rerun on a sample gives the same bytes.

    `ingest`: `sample` records of every stale dump. Other stages: the stale arm with the least output, whole. ValueError names
    the first difference, or the arm that is stale for more than its code.
    """
    if not reason.strip():
        raise ValueError("say why in --reason: it is recorded beside the commit.")
    stale = _stale_by_code(stage)
    lock = _lock()["stages"]
    missing = [arm for arm in stale if arm not in lock]
    if missing:
        raise ValueError(f"{missing[0]} has never run: there is nothing to compare with. Run: dvc repro {missing[0]}")
    if stage == "ingest":
        seen = {arm: _recheck(arm.split("@", 1)[1], sample) for arm in stale}
        what = ", ".join(f"{count} records of {arm}" for arm, count in seen.items())
    else:
        arm = min(stale, key=lambda name: sum(out.get("size", 0) for out in lock[name]["outs"]))
        _rerun(arm, lock[arm])
        what = f"{arm}, whole"
    say(f"the same bytes: {what}")
    dvc("commit", "--force", *stale)
    line = {
        "date": datetime.now(UTC).date().isoformat(),
        "stage": stage,
        "arms": sorted(stale),
        "files": sorted({path for paths in stale.values() for path in paths}),
        "shown_on": what,
        "reason": reason,
    }
    with open(RECORD, "a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")
    say(f"{len(stale)} arms are committed as they are; the reason stands in {RECORD}")


def _stale_by_code(stage: str) -> dict[str, list[str]]:
    """Stale arm -> the code files that changed. ValueError when something else changed too, or nothing did."""
    status = json.loads(dvc("status", "--json"))
    found = {}
    for name, changes in status.items():
        if name.split("@")[0] != stage:
            continue
        files = []
        for change in changes:
            for kind, entries in change.items() if isinstance(change, dict) else [(change, {})]:
                other = {path: state for path, state in entries.items() if not _is_code(path, state)}
                if kind != "changed deps" or other:
                    raise ValueError(
                        f"{name} is stale for more than its code: {kind} {other or entries}. Run: dvc repro {name}"
                    )
                files += list(entries)
        found[name] = sorted(files)
    if not found:
        raise ValueError(f"no arm of {stage!r} is stale: there is nothing to show.")
    return found


def _is_code(path: str, state: object) -> bool:
    """Code that was edited: the checklists of biolingual/tables are data."""
    return state == "modified" and path.startswith(("biolingual/", "stages/")) and path != "biolingual/tables"


def _recheck(dump: str, sample: int) -> int:
    words = ["--dump", dump, "--manifests", f"data/manifests/{dump}", "--audio", "data/audio", "--sample", str(sample)]
    done = subprocess.run(
        [sys.executable, "-m", "stages.recheck", *words], env=environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ValueError(f"ingest@{dump} could not be looked at: {done.stderr.strip().splitlines()[-1]}")
    found = json.loads(done.stdout.splitlines()[-1])
    if found["difference"]:
        raise ValueError(f"ingest@{dump} has changed: {found['difference']}. Run: dvc repro ingest@{dump}")
    return found["records"]


def _rerun(arm: str, locked: dict) -> None:
    """Run an arm's command in a scratch folder over links to its inputs, and compare every output file by md5."""
    place = SCRATCH / arm.replace("/", "_")
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for name in CODE:
        source = Path(name)
        shutil.copytree(source, place / name, ignore=shutil.ignore_patterns("__pycache__")) if source.is_dir() else (
            shutil.copy2(source, place / name)
        )
    for dep in locked["deps"]:
        target = place / dep["path"]
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(Path(dep["path"]).resolve())
    done = subprocess.run(
        locked["cmd"], shell=True, cwd=place, env=environment(place), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ValueError(f"{arm} failed: {(done.stderr.strip() or done.stdout.strip()).splitlines()[-1]}")
    for out in locked["outs"]:
        _compare(arm, Path(out["path"]), place / out["path"])
    shutil.rmtree(place)


def _compare(arm: str, before: Path, after: Path) -> None:
    for path in sorted(_files(before) | _files(after)):
        old, new = before / path if str(path) != "." else before, after / path if str(path) != "." else after
        if not old.is_file() or not new.is_file():
            raise ValueError(
                f"{arm} has changed: {old} is {'new' if not old.is_file() else 'gone'}. Run: dvc repro {arm}"
            )
        if _md5(old) != _md5(new):
            raise ValueError(
                f"{arm} has changed: {old} differs at byte {_first_difference(old, new)}. Run: dvc repro {arm}"
            )


def _files(path: Path) -> set[Path]:
    if path.is_file():
        return {Path()}
    return {one.relative_to(path) for one in path.rglob("*") if one.is_file() and not _hidden(one)}


def _hidden(path: Path) -> bool:
    return path.name.startswith(".") or "__pycache__" in path.parts


def _md5(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def _first_difference(old: Path, new: Path) -> int:
    with open(old, "rb") as one, open(new, "rb") as other:
        position = 0
        while True:
            left, right = one.read(1 << 16), other.read(1 << 16)
            if left != right:
                same = (at for at, (a, b) in enumerate(zip(left, right, strict=False)) if a != b)
                return position + next(same, min(len(left), len(right)))
            position += len(left)


def _lock() -> dict:
    from ruamel.yaml import YAML

    return YAML(typ="safe").load(Path("dvc.lock").read_text(encoding="utf-8"))
