"""How fast a dump becomes shards, beside bare librosa on the same files."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np

from tests.bench.registry import Measured, compare, row

REAL = Path("../shared/data/recordings")


@row
def ingest() -> Iterator[Measured]:
    """A dump to shards with guarded decode, marks, hashing, fingerprint and activity, in one process, against bare
    librosa.load (soxr_hq) and a FLAC write of the whole file: a generated dump, the same without fingerprints, the real
    recordings beside the checkout where there are some; then two processes against one."""
    from biolingual.params import load
    from tests.ingest_chaos import DUMP

    params = load(Path("params.yaml"))
    made = params.dumps[DUMP]
    real = made.model_copy(update={"archive": "folder", "origin": "real", "checklist": ""})
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        work = Path(name)
        ours = partial(_ingested, params=params.ingest, work=work)
        peer = partial(_bare_librosa, rate=params.ingest.sample_rate_hz, target=work / "peer.flac")
        few, many = _dump(work / "few", 200), _dump(work / "many", 3000)

        both = [lambda: ours(work / "few", made), lambda: peer(few)]
        yield compare("ingest_per_core", "files/s", len(few), *both, 0.9, rounds=5)
        with mock.patch("biolingual.fingerprints.fingerprint", return_value=np.empty(0, dtype=np.uint32)):
            yield compare("ingest_unfingerprinted", "files/s", len(few), *both, None, rounds=5)
        if REAL.exists():
            files = sorted(path for path in REAL.rglob("*") if path.is_file() and path.suffix != ".csv")
            both = [lambda: ours(REAL, real), lambda: peer(files)]
            yield compare("ingest_real_per_core", "files/s", len(files), *both, 0.9, rounds=3)
        else:
            print(f"ingest_real_per_core NOT RUN: {REAL} is not there")
        both = [lambda workers=workers: ours(work / "many", made, workers=workers) for workers in (2, 1)]
        yield compare("ingest_two_workers", "files/s", len(many), *both, 1.7, rounds=2)


def _dump(folder: Path, records: int) -> list[Path]:
    """The sound files of a generated Xeno-canto dump."""
    from biolingual.parallel import Machine
    from tests.ingest_chaos import planned, sounds, write_xeno_canto

    items = planned(records, seed=1, distinct=80)
    write_xeno_canto(items, sounds(items, 80, Machine(workers=1)), folder)
    return sorted((folder / "audio").iterdir())


def _ingested(source: Path, dump_row, params, work: Path, workers: int = 1) -> None:
    from biolingual.ingestion import ingest
    from biolingual.parallel import Machine

    ingest("bench-1", dump_row, params, str(source), work / "manifests", work / "audio", Machine(workers=workers))


def _bare_librosa(files: list[Path], rate: int, target: Path) -> None:
    import audioread
    import librosa
    import soundfile

    for file in files:
        try:
            sound, _ = librosa.load(file, sr=rate)
        except (soundfile.LibsndfileError, audioread.DecodeError, OSError, ValueError):
            continue
        if len(sound):
            soundfile.write(target, sound, rate)
