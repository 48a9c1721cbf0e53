"""A study: its variants, each trained and scored through DVC in a git worktree that shares this checkout's cache.

What a variant came to lies in .runs/studies/NAME/variants; a variant that stands there, or in DVC's run cache, is not run
again, and one that was cut off goes on in its worktree from its last checkpoint.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from flows.candidate import share_cache, stage
from flows.dvc_graph import RUNNING, DvcError, arms, dvc, end, repro, stale
from flows.files import write_json
from flows.git import git

PLACE = Path(".runs/studies")
REPORTS = Path("reports/studies")
CODE = ("biolingual", "stages", "flows")
GRAPH = ("dvc.yaml", "dvc.lock", "params.yaml", "reports/gate.json")  # of this checkout, committed or not
STAGES = ("pretrain", "embed", "evaluate")
MADE = ("models/clap", "data/embeddings/test.parquet")
DATASET = "data/animalspeak"
CHECKOUT = threading.Lock()  # git adds one worktree at a time
Say = Callable[[str], None]


def study(name: str, levels: list[str], seeds: list[int], at_once: int, say: Say, root: Path = Path()) -> Path:
    """Run what a study lacks and write its report; returns the page.

    A variant that fails becomes a row that says why, the others go on, and RuntimeError names it at the end. RuntimeError
    before anything runs where code is not committed (worktrees hold committed code) or the dataset is not up to date.
    """
    if changed := git("status", "--porcelain", "--", *CODE, root=root):
        raise RuntimeError(f"a study runs committed code, and some is not. Commit it first:\n{changed}")
    # `check` reads every value, so a change that the dataset does not hang on makes it stale.
    if behind := stale("assemble", root, allow_missing=True) - {"check"}:
        raise RuntimeError(
            f"the dataset is behind params.yaml or code ({', '.join(sorted(behind))}). Run: dvc repro validate"
        )
    place, plan = root / PLACE / name, PLACE / name / "plan.json"
    words = ["--study", name, "--animalspeak", DATASET, "--out", str(plan)]
    words += ["--levels", " ".join(levels)] if levels else []
    words += ["--seeds", " ".join(map(str, seeds))] if seeds else []
    stage(root, "study_plan", words, say)
    found = json.loads((root / plan).read_text(encoding="utf-8"))
    variants = [one for one in found["variants"] if not one["not_run"]]
    failed = _attempt_all(place, variants, at_once, say, root)
    out, page = REPORTS / f"{name}.json", REPORTS / f"{name}.html"
    words = ["--study", name, "--plan", str(plan), "--variants", str(PLACE / name / "variants")]
    stage(root, "study", [*words, "--animalspeak", DATASET, "--out", str(out), "--page", str(page)], say)
    if failed:
        raise RuntimeError(f"{page} lacks variants: {'; '.join(failed)}. The same command tries them again.")
    return page


def _attempt_all(place: Path, variants: list[dict], at_once: int, say: Say, root: Path) -> list[str]:
    """Run variants side by side; returns what each that failed says. Interrupted, it starts no further one."""
    pool = ThreadPoolExecutor(max(1, at_once))
    try:
        return [one for one in pool.map(lambda variant: _attempt(place, variant, say, root), variants) if one]
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        end(list(RUNNING))
        raise
    finally:
        pool.shutdown()


def _attempt(place: Path, variant: dict, say: Say, root: Path) -> str:
    """Run a variant; "" when it has a result, else its name and why not."""
    kept, key = place / "variants" / variant["name"], key_of(variant, root)
    done = kept / "run.json"
    if done.is_file() and json.loads(done.read_text(encoding="utf-8")) == {"key": key}:
        say(f"{variant['name']}: stands")
        return ""
    tree = place / "worktrees" / variant["name"]
    shutil.rmtree(kept, ignore_errors=True)
    try:
        with CHECKOUT:
            _checkout(tree, key, root)
        _change_params(tree, variant["changes"])
        tasks = _run(tree, lambda line: say(f"{variant['name']}: {line}"))
        _keep(tree, kept, tasks)
    except (DvcError, RuntimeError) as error:
        reason = next((line for line in str(error).splitlines() if "ERROR" in line), str(error).splitlines()[0])
        write_json(done, {"failed": reason})
        return f"{variant['name']}: {reason}"
    write_json(done, {"key": key})
    git("worktree", "remove", "--force", str(tree.resolve()), root=root)
    return ""


def key_of(variant: dict, root: Path) -> str:
    """What a variant's result hangs on: the code, the graph's files in this checkout, and what is changed."""
    code = [git("rev-parse", f"HEAD:{folder}", root=root) for folder in ("biolingual", "stages")]
    files = [hashlib.sha256((root / path).read_bytes()).hexdigest() for path in GRAPH]
    return hashlib.sha256(json.dumps([code, files, variant["changes"]], sort_keys=True).encode()).hexdigest()


def _checkout(tree: Path, key: str, root: Path) -> None:
    """A worktree of HEAD with this checkout's graph and dataset; one that stands for the same key is kept as it is."""
    mark = tree / ".runs/variant"
    if mark.is_file() and mark.read_text(encoding="utf-8") == key:
        return
    shutil.rmtree(tree, ignore_errors=True)
    git("worktree", "prune", root=root)
    git("worktree", "add", "--quiet", "--detach", str(tree.resolve()), "HEAD", root=root)
    share_cache(tree)
    for path in GRAPH:
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / path, tree / path)
    shutil.copytree(root / "reports", tree / "reports", dirs_exist_ok=True)
    dvc("checkout", "--force", DATASET, root=tree)
    # An arm that is up to date is not run: what it made must stand here for `items`, where the cache has it.
    dvc("checkout", "--force", "--allow-missing", *MADE, root=tree)
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.write_text(key, encoding="utf-8")


def _change_params(tree: Path, changes: dict[str, object]) -> None:
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width, yaml.preserve_quotes = 4096, True
    path = tree / "params.yaml"
    values = yaml.load(path.read_text(encoding="utf-8"))
    for name, value in changes.items():
        section, key = name.split(".")
        values[section][key] = value
    with open(path, "w", encoding="utf-8") as file:
        yaml.dump(values, file)


def _run(tree: Path, say: Say) -> list[str]:
    """Train and score in a worktree, then write what each item reached; returns the tasks."""
    tasks = []
    for arm in arms(root=tree):
        if arm.stage in STAGES:
            repro(arm.name, say, tree)
            tasks += [arm.name.partition("@")[2]] if arm.stage == "evaluate" else []
    for task in tasks:
        words = ["--task", task, "--animalspeak", DATASET, "--audio", "data/audio"]
        words += ["--embeds", "data/embeddings/test.parquet", "--out", f"build/items/{task}.parquet"]
        stage(tree, "items", words, say)
    return tasks


def _keep(tree: Path, kept: Path, tasks: list[str]) -> None:
    """Copy what the report reads out of a worktree."""
    for folder in ("scores", "items"):
        (kept / folder).mkdir(parents=True)
    for task in tasks:
        shutil.copy2(tree / f"reports/scores/{task}.json", kept / "scores")
        shutil.copy2(tree / f"build/items/{task}.parquet", kept / "items")
    shutil.copy2(tree / "reports/training.json", kept / "training.json")
