"""`make chaos-ingest`: ingest of a dump of 20,000 simulated records, 2 % of them dirt, killed with SIGKILL twenty times.

Prints the peak memory of an undisturbed run, all its processes together, and whether the killed and restarted one gives the
same bytes. INGEST_RECORDS, INGEST_KILLS and CHAOS_SEED change how much. Of the sounds a tenth is synthesised and used ten times.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil

from biolingual.archives.simulated import DIRT, World
from biolingual.archives.simulated_formats import write_xeno_canto
from biolingual.archives.simulated_recording import audio_file
from biolingual.parallel import Machine, map_ordered
from biolingual.storage import file_digests
from tests.kill_harness import kill_all, processes

ROOT = Path(__file__).resolve().parents[1]
DUMP = "xeno_canto-2026-01"
DIRT_SHARE = 0.02
LIMIT_MB = 1500


def planned(n: int, seed: int, distinct: int) -> list:
    """n recordings of a Xeno-canto dump, DIRT_SHARE of them dirty, every kind in turn; the sounds of `distinct` are used again."""
    items = [replace(item, dirt="") for item in World(seed, 2 * n).dumps()[DUMP]][:n]
    for number, item in enumerate(items):
        first = items[number % distinct]
        items[number] = replace(item, extension=first.extension, duration_s=first.duration_s)
    dirty = sorted(random.Random(seed).sample(range(distinct, n), round(n * DIRT_SHARE)))
    kinds = [kind for kind in DIRT if kind != "duplicate"]
    for turn, number in enumerate(dirty):
        items[number] = replace(items[number], dirt=kinds[turn % len(kinds)])
    return items


def sounds(items: list, distinct: int, machine: Machine) -> Iterator[bytes]:
    """A file for each recording."""
    made = list(map_ordered(audio_file, items[:distinct], machine))
    for number, item in enumerate(items):
        yield audio_file(item) if item.dirt else made[number % distinct]


def command(out: str) -> list[str]:
    words = ["--dump", DUMP, "--source", "dump", "--manifests", f"{out}/manifests", "--audio", f"{out}/audio"]
    return [sys.executable, "-m", "stages.ingest", *words]


def start(folder: Path, out: str, workers: int) -> subprocess.Popen:
    values = {**os.environ, "PYTHONPATH": str(ROOT), "BIOLINGUAL_WORKERS": str(workers)}
    log = open(folder / f"{out}.log", "ab")  # noqa: SIM115 - the child's own
    return subprocess.Popen(command(out), cwd=folder, env=values, stdout=log, stderr=log)


@contextlib.contextmanager
def peak_memory(process: subprocess.Popen) -> Iterator[dict[str, float]]:
    """{"mb": the most memory that a process and its children held together, shared pages counted once each (PSS)}."""
    found = {"mb": 0.0}

    def watch() -> None:
        while process.poll() is None:
            total = 0
            with contextlib.suppress(psutil.Error):
                whole = psutil.Process(process.pid)
                for one in [whole, *whole.children(recursive=True)]:
                    with contextlib.suppress(psutil.Error):
                        total += one.memory_full_info().pss
            found["mb"] = max(found["mb"], total / 1e6)
            time.sleep(0.5)

    thread = threading.Thread(target=watch)
    thread.start()
    yield found
    thread.join()


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): file_digests(str(path))[0]
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def killed(folder: Path, out: str, kills: int, seconds: float, workers: int, draw: random.Random) -> int:
    """Run to the end through `kills` SIGKILLs of the stage or one of its workers; the number of runs that met one."""
    done = 0
    while True:
        process = start(folder, out, workers)
        deadline = time.monotonic() + draw.uniform(0.5, 2 * seconds / max(1, kills)) if done < kills else float("inf")
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        if process.poll() is None:
            living = [one for one in processes(folder) if one.pid == process.pid or draw.random() < 0.5]
            kill_all([draw.choice(living)] if living else [psutil.Process(process.pid)])
            process.wait()
            done += 1
        elif process.returncode == 0 and done >= kills:
            return done
        elif process.returncode == 0:
            shutil.rmtree(folder / out)  # it was done before its time: from the start, for the kills that are left
        else:
            raise RuntimeError((folder / f"{out}.log").read_text()[-2000:])


def main(records: int, kills: int, seed: int, workers: int) -> int:
    with tempfile.TemporaryDirectory(prefix="ingest-chaos-") as name:
        folder = Path(name)
        shutil.copy(ROOT / "params.yaml", folder)
        items = planned(records, seed, max(1, records // 10))
        write_xeno_canto(items, sounds(items, max(1, records // 10), Machine(workers=workers)), folder / "dump")
        dirt = sum(bool(item.dirt) for item in items)
        print(f"{len(items)} records, {dirt} of them dirt, {workers} workers, seed {seed}", flush=True)
        began = time.monotonic()
        process = start(folder, "calm", workers)
        with peak_memory(process) as peak:
            process.wait()
        seconds = time.monotonic() - began
        if process.returncode:
            print((folder / "calm.log").read_text()[-2000:])
            return 1
        print(f"undisturbed: {seconds:.0f} s, peak memory {peak['mb']:.0f} MB of {LIMIT_MB} allowed", flush=True)
        began = time.monotonic()
        met = killed(folder, "wild", kills, seconds, workers, random.Random(seed))
        same = digests(folder / "calm") == digests(folder / "wild")
        print(
            f"{met} kills: {time.monotonic() - began:.0f} s in all, bytes {'equal' if same else 'DIFFER'}", flush=True
        )
        print((folder / "calm.log").read_text().splitlines()[-1])
        return 0 if same and met == kills and peak["mb"] <= LIMIT_MB else 1


if __name__ == "__main__":
    given = [
        int(os.environ.get(name, default))
        for name, default in (("INGEST_RECORDS", 20000), ("INGEST_KILLS", 20), ("CHAOS_SEED", 1))
    ]
    sys.exit(main(*given, workers=int(os.environ.get("BIOLINGUAL_WORKERS", len(os.sched_getaffinity(0))))))
