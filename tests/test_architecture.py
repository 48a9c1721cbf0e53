"""The doors between the rooms, and that dvc.yaml lists exactly the code that can change an output. Reads source, runs none."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
GRAPH = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]
PARAMS = YAML(typ="safe").load((ROOT / "params.yaml").read_text())
# What changes no byte of an output: DVC tracks values through `params:`, and name tables only say where a module is.
PLUMBING = {"biolingual/params.py", "biolingual/processes.py", "biolingual/telemetry.py", "stages/entry.py"}
ONE_DOOR = {
    "s3fs": {"biolingual/storage.py"},
    "fsspec": {"biolingual/storage.py"},
    "great_expectations": {"biolingual/validation/suites.py"},
    "ray.train": {"biolingual/training/worker.py"},
    "dvc": set(),
    "prefect": set(),
}
ROOMS = ["archives", "captioning", "validation", "training", "benchmarks", "search", "pages", "studies"]
MAY_USE = {
    "benchmarks": set(),
    "training": set(),
    "search": set(),
    "archives": set(),
    "captioning": set(),
    "validation": set(),
}


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Every module a file imports, `from a import b` as a and a.b."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def file_of(module: str) -> Path | None:
    path = ROOT / (module.replace(".", "/") + ".py")
    return path if path.is_file() else None


def closure(path: Path) -> set[str]:
    """The project's own files that a file imports, directly or not, itself included."""
    found, waiting = set(), [path]
    while waiting:
        one = waiting.pop()
        name = one.relative_to(ROOT).as_posix()
        if name in found:
            continue
        found.add(name)
        if name in PLUMBING:
            continue
        waiting += [file for module in imports(one) if (file := file_of(module)) is not None]
    return found


def code(paths: set[str]) -> set[str]:
    return {path for path in paths if not path.endswith("__init__.py")} - PLUMBING


def stage_definition(name: str) -> dict:
    return GRAPH[name].get("do", GRAPH[name])


def resolved_deps(name: str, values: dict[str, str]) -> set[str]:
    found = set()
    for dep in stage_definition(name)["deps"]:
        for key, value in values.items():
            dep = dep.replace("${" + key + "}", value)
        if dep.endswith(".py"):
            found.add(dep)
    return found


def arms(name: str) -> list[tuple[dict[str, str], set[str]]]:
    """(values of the arm's template, code it runs beyond the stage's own closure)"""
    if name == "ingest":
        files = {path.stem: path for path in (ROOT / "biolingual/archives").glob("*.py")}
        table = [row for row in name_table("archives", "ARCHIVES") if row in files]
        shared = set().union(*(closure(files[row]) for row in table)) - {
            f"biolingual/archives/{row}.py" for row in table
        }
        return [({"item.archive": row}, shared | {f"biolingual/archives/{row}.py"}) for row in table]
    if name == "caption":
        return [
            ({"caption.captioner": row}, closure(ROOT / f"biolingual/captioning/{row}.py")) for row in ("template",)
        ]
    if name == "evaluate":
        # Every task of one file, so that each can be added to evaluate.tasks without a change of dvc.yaml.
        files = {task: ROOT / f"biolingual/benchmarks/{task}.py" for task in name_table("benchmarks", "BENCHMARKS")}
        assert all(files[task].is_file() for task in PARAMS["evaluate"]["tasks"])
        return [({"item": task}, closure(file)) for task, file in files.items() if file.is_file()]
    return [({}, set())]


def name_table(room: str, table: str) -> list[str]:
    """The keys of a room's name table."""
    tree = ast.parse((ROOT / f"biolingual/{room}/__init__.py").read_text())
    tables = [node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == table]
    return list(ast.literal_eval(tables[0]))


@pytest.mark.parametrize("name", [name for name in GRAPH if name != "check"])
def test_code_deps_of_a_stage_are_its_import_closure(name):
    for values, further in arms(name):
        expected = code(closure(ROOT / f"stages/{name}.py") | further)
        assert resolved_deps(name, values) == expected, (name, values)


@pytest.mark.parametrize("name", [name for name in GRAPH if name not in ("check",)])
def test_params_of_a_stage_are_the_sections_its_main_takes(name):
    from importlib import import_module

    from stages.entry import sections

    main = import_module(f"stages.{name}").main
    listed = [entry.split(".")[0] for entry in stage_definition(name)["params"]]
    taken = sections(main) + (["dumps"] if "row" in main.__annotations__ else [])
    assert sorted(set(listed)) == sorted(taken)


@pytest.mark.parametrize("package", ONE_DOOR)
def test_a_package_with_one_door_is_imported_there_alone(package):
    users = {
        path.relative_to(ROOT).as_posix()
        for path in sources("biolingual")
        if any(module == package or module.startswith(package + ".") for module in imports(path))
    }
    assert users <= ONE_DOOR[package] and (users or not ONE_DOOR[package] or package == "fsspec")


def test_ray_core_is_imported_by_parallel_and_the_training_worker_alone():
    users = {path.relative_to(ROOT).as_posix() for path in sources("biolingual") if "ray" in set(imports(path))}
    assert users == {"biolingual/parallel.py", "biolingual/training/worker.py"}


def test_flows_know_no_science():
    for path in sources("flows"):
        own = {module for module in imports(path) if module.split(".")[0] in ("biolingual", "stages")}
        assert own <= {"biolingual", "biolingual.telemetry", "biolingual.processes"} | {
            f"biolingual.processes.{name}" for name in ("end_with_parent",)
        }, path


def test_the_library_reads_neither_argv_nor_environment():
    allowed = {"biolingual/cli.py", "biolingual/parallel.py", "biolingual/telemetry.py"}
    for path in sources("biolingual"):
        text = path.read_text()
        if path.relative_to(ROOT).as_posix() not in allowed:
            assert "os.environ" not in text and "sys.argv" not in text and "getcwd" not in text, path


def test_rooms_do_not_import_each_other():
    for room in MAY_USE:
        for path in sources(f"biolingual/{room}"):
            others = {m.split(".")[1] for m in imports(path) if m.startswith("biolingual.") and m.count(".") >= 1}
            assert not (others & set(ROOMS)) - {room}, path


def test_no_adapter_imports_another_so_a_new_one_re_runs_nothing_old():
    table = {f"biolingual/archives/{row}.py" for row in name_table("archives", "ARCHIVES")}
    assert table <= {path.relative_to(ROOT).as_posix() for path in sources("biolingual/archives")}
    for path in table:
        assert closure(ROOT / path) & table == {path}


def test_adapters_are_imported_by_name_alone():
    names = {f"biolingual.archives.{row}" for row in name_table("archives", "ARCHIVES")}
    for path in [*sources("biolingual"), *sources("stages")]:
        assert not names & set(imports(path)), path


def test_package_files_hold_a_docstring_and_at_most_a_name_table():
    for path in [*sources("biolingual"), *sources("stages"), *sources("flows")]:
        if path.name == "__init__.py" and path.parent.name != "pages":
            body = ast.parse(path.read_text()).body
            assert ast.get_docstring(ast.parse(path.read_text())), path
            kinds = {type(node) for node in body[1:]}
            assert kinds <= {ast.Import, ast.ImportFrom, ast.Assign, ast.FunctionDef}, path


def test_nothing_in_the_tree_names_a_path_of_one_machine():
    import re
    import subprocess

    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in listed.stdout.split():
        path = ROOT / name
        if path.suffix in (".py", ".md", ".yaml", ".toml", ".lock", "") and path.is_file():
            assert not re.search(r"(?<![\w.])/(?:wor[k]|roo[t]|hom[e]|tm[p])/\w", path.read_text(errors="ignore")), name
