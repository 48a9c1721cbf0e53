"""What dvc.lock says of a path: its md5, the arm that made it, that arm's params and inputs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from flows.passport.links import BrokenChainError


@dataclass(frozen=True)
class Out:
    """One output of the graph: path, md5 ("....dir" of a folder) and the arm that made it."""

    path: str
    md5: str
    arm: str


class Lock:
    """dvc.lock of one snapshot."""

    def __init__(self, stages: dict):
        self.stages = stages
        self.outs = {
            out["path"]: Out(out["path"], out["md5"], arm)
            for arm, stage in stages.items()
            for out in stage.get("outs", [])
            if "md5" in out
        }

    def out(self, path: str) -> Out:
        """The output that a path is or lies in. BrokenChainError when no arm made it."""
        parts = path.split("/")
        for length in range(len(parts), 0, -1):
            if found := self.outs.get("/".join(parts[:length])):
                return found
        raise BrokenChainError(f"broken: dvc.lock does not know {path}: no stage wrote it. Run: dvc repro")

    def md5(self, path: str) -> str:
        """The md5 of an output; "" for none."""
        return self.outs[path].md5 if path in self.outs else ""

    def params(self, path: str) -> dict:
        """{section: values} that the arm behind an output ran with."""
        return self.stages[self.out(path).arm].get("params", {}).get("params.yaml", {})

    def inputs(self, path: str) -> dict[str, str]:
        """{path: md5} of what the arm behind an output read, code aside."""
        deps = self.stages[self.out(path).arm].get("deps", [])
        return {dep["path"]: dep["md5"] for dep in deps if dep["path"] in self.outs and "md5" in dep}


@lru_cache(maxsize=64)
def parse_lock(data: bytes) -> Lock:
    """dvc.lock's bytes -> Lock; a lock that many commits share is read once."""
    return Lock(parse_yaml(data).get("stages") or {})


@lru_cache(maxsize=256)
def parse_yaml(data: bytes) -> dict:
    """A YAML mapping; {} for an empty file. BrokenChainError for what is no YAML."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe").load(data.decode()) or {}
    except (YAMLError, UnicodeDecodeError) as error:
        raise BrokenChainError(
            f"broken: dvc.lock or params.yaml cannot be read ({' '.join(str(error).split())})."
        ) from error
