"""A project with a history, written file by file as DVC and git would leave it: what the passport's tests walk through."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

from biolingual.assembly import assemble, read_dump
from biolingual.dataset import card as cards
from biolingual.dataset.overlaps import Overlap
from biolingual.records import Caption, Clip, Recording, Rejected
from biolingual.storage import digest, file_digests
from biolingual.tabular import table, write_json, write_rows
from tests.made_pairs import RULE

TASK = "animalspeak_zero_shot"
SCORE = f"reports/scores/{TASK}.json"
WHO = {"a-1": "Ada Marr", "b-1": "Bruno Marr", "c-1": "Chiara Marr"}
GIT = {
    **{
        f"GIT_{role}_{key}": value
        for role in ("AUTHOR", "COMMITTER")
        for key, value in (("NAME", "t"), ("EMAIL", "t@t"))
    },
}


class World:
    """One working tree. Each act writes its files, the cache's objects and the lock's entry of its arm."""

    def __init__(self, root: Path, cache: Path | None = None):
        self.root = root
        self.cache = cache or root / ".dvc/cache/files/md5"
        self.clock = 0

    def start(self) -> World:
        self.write("dvc.lock", {"stages": {}})
        self.write("params.yaml", {"evaluate": {"model": "models/clap"}, "release": {"name": "demo"}, "dumps": {}})
        (self.root / ".dvc").mkdir()
        (self.root / ".dvc/config").write_text("[core]\n    analytics = false\n")
        (self.root / ".gitignore").write_text("/data/\n/models/\n/dumps/\n/.runs/\n/.dvc/cache/\n/.dvc/config.local\n")
        self.git("init", "-q", "-b", "main")
        return self

    def ingest(self, name: str) -> None:
        """A dump of one recordist: ten recordings, a duplicate of the first, and one record refused."""
        source = self.root / "dumps" / name
        source.mkdir(parents=True)
        (source / "sound").write_bytes(name.encode())
        self.set_params("dumps", {**self.read("params.yaml")["dumps"], name: {"source": f"dumps/{name}"}})
        shard = self.root / "data/audio" / name / "shard-00000.tar"
        shard.parent.mkdir(parents=True)
        shard.write_bytes(f"the sounds of {name}".encode() * 9)
        sha, md5 = file_digests(str(shard))
        recordings = [recording(name, at) for at in range(11)]
        clips = [clip(one.recording_id, shard.name, sha, md5, at) for at, one in enumerate(recordings)]
        folder = self.root / "data/manifests" / name
        write_rows(recordings, Recording, folder / "recordings.parquet")
        write_rows(clips, Clip, folder / "clips.parquet")
        refused = Rejected(recording_id=f"folder:{name}/silence", dump=name, stage="ingest", reason="silent")
        write_rows([refused], Rejected, folder / "rejected.parquet")
        counts = {"archive": "folder", "origin": "real", "recordings": 11, "rejected": 1, "shards": {shard.name: sha}}
        write_json({**counts, "digest": digest(str(source))}, folder / "ingest.json")
        self.arm(f"ingest@{name}", [f"data/audio/{name}", f"data/manifests/{name}"])
        sentences = [
            Caption(
                recording_id=one.recording_id,
                kind="common",
                text="A song.",
                status="ok",
                captioner="chat",
                model="m",
                prompt_sha="p" * 64,
            )
            for one in recordings
        ]
        write_rows(sentences, Caption, self.root / f"data/captions/{name}.parquet")
        self.arm(f"caption@{name}", [f"data/captions/{name}.parquet"])

    def build(self) -> str:
        """Assemble what is ingested; returns the dataset_sha."""
        names = list(self.read("params.yaml")["dumps"])
        manifests, captions = self.root / "data/manifests", self.root / "data/captions"
        dumps = [read_dump(name, manifests, captions) for name in names]
        made, out = assemble(dumps, RULE), self.root / "data/animalspeak"
        card = cards.write(made, names, manifests, captions, out, {}, table([], Overlap))
        self.arm("assemble", ["data/animalspeak"])
        self.write("reports/validation.json", {"expectations": 3, "failed": 0})
        self.write("reports/gate.json", {"passed": True, "dataset_sha": card["dataset_sha"]})
        self.arm("validate", ["reports/validation.json", "reports/gate.json"])
        return card["dataset_sha"]

    def train(self, seed: int = 7) -> str:
        """A model of the present dataset; returns the model_sha."""
        weights = self.root / "models/clap/model.safetensors"
        weights.parent.mkdir(parents=True, exist_ok=True)
        weights.write_bytes(f"weights {seed}".encode() * 9)
        sha, dataset_sha = file_digests(str(weights))[0], self.read("reports/gate.json")["dataset_sha"]
        told = {"model_sha": sha, "dataset_sha": dataset_sha, "origin": "real", "seed": seed}
        self.write("models/clap/lineage.json", told)
        self.write("reports/training.json", {**told, "steps": 9})
        self.arm("pretrain", ["models/clap", "reports/training.json"], params={"pretrain": {"seed": seed}})
        return sha

    def evaluate(self, value: float = 0.5) -> None:
        """A score of the present model on the present dataset."""
        score = {
            "task": TASK,
            "origin": "real",
            "primary": "top1",
            "value": value,
            "ci95": [0.4, 0.6],
            "n": 5,
            "chance": 0.1,
        }
        shas = {"model_sha": self.read("reports/training.json")["model_sha"]}
        shas["dataset_sha"] = self.read("reports/gate.json")["dataset_sha"]
        self.write(SCORE, {"real": {**score, **shas}})
        self.arm(
            f"evaluate@{TASK}", [SCORE], deps=["models/clap", "data/animalspeak"], params={"evaluate": {"seed": 3}}
        )

    def release(self) -> None:
        """The release folder, as the arm writes it."""
        shutil.copytree(self.root / "models/clap", self.root / "models/biolingual", dirs_exist_ok=True)
        score = self.read(SCORE)["real"]
        told = {
            **self.read("models/clap/lineage.json"),
            "scores": [{key: score[key] for key in ("task", "origin", "value")}],
        }
        self.write("models/biolingual/lineage.json", told)
        self.arm("release", ["models/biolingual"])

    def commit(self, *tags: str) -> str:
        """A commit an hour after the last one, with its tags; returns its sha."""
        self.clock += 3600
        date = {key: f"{1_700_000_000 + self.clock} +0000" for key in ("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE")}
        self.git("add", "-A")
        self.git("commit", "-qm", "a state", "--allow-empty", **date)
        for tag in tags:
            self.git("tag", "-a", tag, "-m", tag, **date)
        return self.git("rev-parse", "HEAD").strip()

    def arm(self, name: str, outs: list[str], deps: list[str] = (), params: dict | None = None) -> None:
        """The lock's entry of an arm; its outputs go to the cache."""
        lock = self.read("dvc.lock")
        known = {out["path"]: out["md5"] for stage in lock["stages"].values() for out in stage["outs"]}
        lock["stages"][name] = {
            "deps": [{"path": dep, "md5": known[dep]} for dep in deps],
            "params": {"params.yaml": params or {}},
            "outs": [{"path": out, "md5": self.keep(self.root / out)} for out in outs],
        }
        self.write("dvc.lock", lock)

    def keep(self, path: Path) -> str:
        """Put a file or folder into the cache; returns DVC's name for it."""
        if path.is_file():
            return self.object(path.read_bytes())
        files = sorted(one for one in path.rglob("*") if one.is_file())
        listing = [{"md5": self.keep(one), "relpath": one.relative_to(path).as_posix()} for one in files]
        return self.object(json.dumps(listing).encode(), ".dir")

    def object(self, data: bytes, suffix: str = "") -> str:
        name = hashlib.md5(data).hexdigest() + suffix
        (self.cache / name[:2]).mkdir(parents=True, exist_ok=True)
        (self.cache / name[:2] / name[2:]).write_bytes(data)
        return name

    def cached(self, path: str, commit: str = "HEAD") -> Path:
        """The cache's object of a file inside an output, as a commit's lock names it."""
        stages = json.loads(self.git("show", f"{commit}:dvc.lock"))["stages"]
        outs = {out["path"]: out["md5"] for stage in stages.values() for out in stage["outs"]}
        folder, _, name = path.rpartition("/")
        listing = json.loads((self.cache / outs[folder][:2] / outs[folder][2:]).read_bytes())
        md5 = next(entry["md5"] for entry in listing if entry["relpath"] == name)
        return self.cache / md5[:2] / md5[2:]

    def worktree(self, place: Path, branch: str) -> World:
        """A git worktree on a new branch that shares the cache, with the outputs checked out."""
        self.git("worktree", "add", "-q", "-b", branch, str(place))
        for folder in ("data", "models", "dumps"):
            shutil.copytree(self.root / folder, place / folder)
        (place / ".dvc/config.local").write_text(f"[cache]\n    dir = {self.cache.parents[1]}\n")
        other = World(place, self.cache)
        other.clock = self.clock
        return other

    def set_params(self, section: str, values: dict) -> None:
        self.write("params.yaml", {**self.read("params.yaml"), section: values})

    def read(self, path: str) -> dict:
        return json.loads((self.root / path).read_text())

    def write(self, path: str, value: object) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(json.dumps(value, indent=1))

    def git(self, *words: str, **environment: str) -> str:
        done = subprocess.run(
            ["git", *words],
            cwd=self.root,
            env={**os.environ, **GIT, **environment},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout


def recording(dump: str, at: int) -> Recording:
    """The at-th recording of a dump; the eleventh is the first one's sound again."""
    first = Recording(
        recording_id=f"folder:{dump}/r{at:02d}",
        origin="real",
        dump=dump,
        archive="folder",
        scientific_name="Parus major",
        recorded_by=WHO[dump],
        event_date=f"2026-01-{at + 1:02d}",
        license="CC0 1.0",
        audio_sha256=f"{dump} {at}",
    )
    return replace(first, audio_sha256=f"{dump} 0", event_date="2026-01-01") if at == 10 else first


def clip(recording_id: str, shard: str, sha: str, md5: str, at: int) -> Clip:
    return Clip(
        clip_id=f"{recording_id}#0",
        recording_id=recording_id,
        offset_s=0.0,
        duration_s=2.0,
        shard=shard,
        shard_sha256=sha,
        shard_md5=md5,
        byte_offset=512 * at,
        byte_length=100,
        activity=0.5,
    )


def flip(path: Path) -> None:
    """Change one bit of a file near its end."""
    data = bytearray(path.read_bytes())
    data[-2] ^= 1
    path.write_bytes(bytes(data))
