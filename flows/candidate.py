"""A candidate AnimalSpeak version: the released model's commit plus one new dump, built in a git worktree that shares DVC's cache.

The checkout that people work in is never switched. The branch is `dump/<name>`; only its last commit makes it a candidate,
so that what a kill leaves behind is recognised and begun anew.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from flows import history
from flows.dumps import add_dump
from flows.dvc_graph import DvcError, dvc, environment
from flows.git import git, identity
from flows.versions import versions
from flows.watch import Seen, candidates

PLACE = Path(".runs/candidates")
# What the candidate's arms read of the version before; audio is not among it: clips are read from the cache by content.
NEEDED = ("data/params-ok", "data/manifests/", "data/captions/", "data/animalspeak", "data/embeddings/", "models/clap")
BEFORE = Path("build/before")
RESULT = "reports/reevaluation/{}.json"


def base(root: Path = Path()) -> tuple[str, str]:
    """(commit, how to call it) that candidates start from: the newest release of the model, or HEAD before the first."""
    released = versions(parameters(root)["release"]["name"])
    if released:
        return released[-1].commit, released[-1].tag
    return git("rev-parse", "HEAD", root=root), "HEAD (nothing is released yet)"


def parameters(root: Path) -> dict:
    from ruamel.yaml import YAML

    return YAML(typ="safe").load((root / "params.yaml").read_text(encoding="utf-8"))


@contextlib.contextmanager
def worktree(name: str, commit: str) -> Iterator[Path]:
    """A checkout of `commit` on a new branch dump/<name>; taken away afterwards, and the branch too when it stayed unfinished."""
    root, branch = PLACE / name, f"dump/{name}"
    _clear(root, branch)
    git("worktree", "add", "--quiet", "-b", branch, str(root), commit)
    try:
        share_cache(root)
        yield root
    finally:
        _clear(root, branch)


def share_cache(root: Path) -> None:
    """Let a worktree use the DVC cache of this checkout, by links where the disk can."""
    cache = dvc("cache", "dir").strip()
    config = f'[cache]\n    dir = {Path(cache).resolve()}\n    type = "reflink,hardlink,copy"\n'
    local = Path(".dvc/config.local")
    kept = local.read_text(encoding="utf-8") if local.is_file() else ""  # remotes and their keys
    (root / ".dvc/config.local").write_text(_without_cache(kept) + config, encoding="utf-8")


def prepare(root: Path, seen: Seen, model: str) -> None:
    """Bring in the version before and the new dump's row. DvcError says what is neither in the cache nor in the remote."""
    from ruamel.yaml import YAML

    lock = YAML(typ="safe").load((root / "dvc.lock").read_text(encoding="utf-8"))
    outs = [out["path"] for stage in lock["stages"].values() for out in stage.get("outs", [])]
    wanted = sorted({path for path in outs if path.startswith(NEEDED) or path == model})
    try:
        dvc("checkout", "--force", *wanted, root=root)
    except DvcError as error:
        if not dvc("remote", "list", root=root).strip():
            raise DvcError(f"the version before is not in DVC's cache here, and there is no remote: {error}") from error
        dvc("pull", "--force", *wanted, root=root)
    shutil.rmtree(root / BEFORE, ignore_errors=True)
    shutil.copytree(root / "data/animalspeak", root / BEFORE / "animalspeak")
    shutil.copytree(root / "reports/scores", root / BEFORE / "scores")
    for url in [seen.url, *(row["source"] for row in parameters(root)["dumps"].values())]:
        bring(url, root)
    source = seen.source
    add_dump(source.archive, seen.name, seen.url, source.origin, source.license, source.checklist, root)


def bring(url: str, root: Path) -> None:
    """A dump at a path inside the project stands at the same path in the worktree, by hard links: its row names that path."""
    target = root / url
    if "://" in url or os.path.isabs(url) or not Path(url).exists() or target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if Path(url).is_dir():
        shutil.copytree(url, target, copy_function=_link, dirs_exist_ok=True)
    else:
        _link(url, target)


def gate(root: Path) -> dict:
    """The start of a result: whether the gate let the new version through, and of which model and versions the result speaks."""
    verdict = json.loads((root / "reports/gate.json").read_text(encoding="utf-8"))
    training = json.loads((root / "reports/training.json").read_text(encoding="utf-8"))
    return {
        "verdict": "unscored" if verdict["passed"] else "gate red",
        "gate": verdict["passed"],
        "dataset_sha": verdict["dataset_sha"],
        "model_sha": training["model_sha"],
        "retrain_advised": False,
        "retrain_reasons": [],
        "scores": [],
    }


def judge(root: Path, name: str, say: Callable[[str], None]) -> dict:
    """Run stages/reevaluate.py in the worktree and return what it found, with the count of clips that were embedded."""
    out = RESULT.format(name)
    words = ["--animalspeak", "data/animalspeak", "--before", str(BEFORE / "animalspeak")]
    words += ["--scores-before", str(BEFORE / "scores"), "--audio", "data/audio"]
    words += ["--embeds", "data/embeddings/test.parquet", "--out", out]
    stage(root, "reevaluate", words, say)
    result = json.loads((root / out).read_text(encoding="utf-8"))
    counts = root / "build/embed.json"
    result["clips"] = (
        json.loads(counts.read_text(encoding="utf-8")) if counts.is_file() else None
    )  # the arm had not to run
    return result


def stage(root: Path, name: str, words: list[str], say: Callable[[str], None]) -> None:
    """Run a script of stages/ that is no arm of the graph. RuntimeError with its last lines when it fails."""
    done = subprocess.run(
        [sys.executable, "-m", f"stages.{name}", *words],
        cwd=root,
        env=environment(root),
        capture_output=True,
        text=True,
        check=False,
    )
    for line in done.stdout.splitlines():
        say(line)
    if done.returncode:
        raise RuntimeError(f"stages.{name}: {done.stderr.strip()[-1000:]}")


def conclude(root: Path, name: str, result: dict, say: Callable[[str], None]) -> str:
    """Write result, history and page, and make the commit that makes the branch a candidate; returns the commit."""
    path = root / RESULT.format(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    history.add(root, history.rows_of(name, result))
    stage(root, "history", ["--history", str(history.FILE), "--page", str(history.PAGE)], say)
    paths = ["params.yaml", "dvc.lock", "reports", *(one for one in ("dumps", "tombstones") if (root / one).is_dir())]
    git("add", "--all", "--", *paths, root=root)
    git(
        *identity(root),
        "commit",
        "--quiet",
        "-m",
        f"Candidate {name}: {result['verdict']}",
        "-m",
        summary(result),
        root=root,
    )
    return git("rev-parse", "HEAD", root=root)


def summary(result: dict) -> str:
    """The verdict and the diff in a few plain lines."""
    changes = result.get("diff")
    lines = [f"Base: {result['base']}. Gate: {'green' if result['gate'] else 'RED'}."]
    if changes:
        lines.append(
            f"{changes['recordings_added']} recordings more ({changes['recordings_before']} before), "
            f"{len(changes['species_added'])} new species, {sum(changes['refused'].values())} refused."
        )
        lines.append("Train again: " + ("; ".join(result["retrain_reasons"]) or "no reason") + ".")
    return "\n".join(lines)


def _clear(root: Path, branch: str) -> None:
    if root.exists():
        with contextlib.suppress(RuntimeError):
            git("worktree", "remove", "--force", str(root))
        shutil.rmtree(root, ignore_errors=True)
    git("worktree", "prune")
    if branch not in candidates() and git("branch", "--list", branch):
        git("branch", "-D", branch)


def _without_cache(config: str) -> str:
    from configparser import RawConfigParser
    from io import StringIO

    parser = RawConfigParser()
    parser.optionxform = str
    parser.read_string(config)
    parser.remove_section("cache")
    text = StringIO()
    parser.write(text)
    return text.getvalue()


def _link(source, target) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
