"""What a model hears in each unit, computed once for all probes and kept by (embedding id, hash of the samples).

Shapes: n units, T samples, W windows of the model in a unit, K time steps of the audio tower in a window, D embedding, H hidden.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from biolingual.audio import resample
from biolingual.benchmarks.beans import sounds
from biolingual.benchmarks.beans.layout import Unit
from biolingual.benchmarks.beans.sets import SoundSet
from biolingual.frontend import pooled, windows_of
from biolingual.model import EMBED_BATCH, Embedder

AT_ONCE = 8 * EMBED_BATCH  # windows between two writes


@dataclass(frozen=True)
class Embedded:
    """The units of a set in order. `made` were computed now, the others stood in the store."""

    clips: np.ndarray  # float32 [n, D], normalised: the pooled embedding
    frames: np.ndarray  # float16 [n, W K, H]: the audio tower's last hidden states, averaged over frequency
    made: int


def embed(embedder: Embedder, row: SoundSet, units: list[Unit], store: Path) -> Embedded:
    """The embeddings of `units`; those that `store`/<embedding id>.sqlite lacks are computed and written there."""
    store.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(store / f"{embedder.embedding_id}.sqlite")) as table:
        table.execute("CREATE TABLE IF NOT EXISTS sounds (sha TEXT PRIMARY KEY, windows INT, embeds BLOB, frames BLOB)")
        shas, waiting, made = [], {}, 0
        for waveform in waveforms(embedder, row, units):
            sha = hashlib.sha256(np.ascontiguousarray(waveform, np.float32).tobytes()).hexdigest()
            shas.append(sha)
            known = sha in waiting or table.execute("SELECT 1 FROM sounds WHERE sha = ?", [sha]).fetchone()
            if not known:
                waiting[sha] = windows_of(waveform, embedder.log_mel.samples)
                made += 1
            if sum(map(len, waiting.values())) >= AT_ONCE:
                _write(embedder, table, waiting)
                waiting = {}
        _write(embedder, table, waiting)
        return _read(embedder, table, shas, made)


def waveforms(embedder: Embedder, row: SoundSet, units: list[Unit]) -> Iterator[np.ndarray]:
    """float32 [T] of each unit at the model's rate, by way of the set's rate as BEANS prescribes."""
    for waveform in sounds.heard(row, units):
        yield resample(waveform, row.sample_rate_hz, embedder.log_mel.sample_rate_hz)


@torch.inference_mode()
def hear(embedder: Embedder, windows: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Windows -> (embeddings [W, D], time steps [W, K, H]), in batches of one fixed shape."""
    device = embedder.model.logit_scale_a.device
    embeds, frames = [], []
    for start in range(0, len(windows), EMBED_BATCH):
        batch = windows[start : start + EMBED_BATCH]
        full = batch + [np.zeros(embedder.log_mel.samples, np.float32)] * (EMBED_BATCH - len(batch))
        mels = embedder.log_mel(embedder.log_mel.pad(full).to(device))
        out = embedder.model.get_audio_features(input_features=mels)
        embeds.append(out.pooler_output[: len(batch)].cpu().numpy())
        frames.append(out.last_hidden_state[: len(batch)].mean(dim=2).transpose(1, 2).cpu().numpy())
    return np.concatenate(embeds), np.concatenate(frames)


def _write(embedder: Embedder, table: sqlite3.Connection, waiting: dict[str, list[np.ndarray]]) -> None:
    if not waiting:
        return
    embeds, frames = hear(embedder, [window for windows in waiting.values() for window in windows])
    at = 0
    with table:
        for sha, windows in waiting.items():
            own = slice(at, at + len(windows))
            at += len(windows)
            blobs = embeds[own].astype(np.float32).tobytes(), frames[own].astype(np.float16).tobytes()
            table.execute("INSERT OR REPLACE INTO sounds VALUES (?, ?, ?, ?)", [sha, len(windows), *blobs])


def _read(embedder: Embedder, table: sqlite3.Connection, shas: list[str], made: int) -> Embedded:
    hidden = embedder.model.config.audio_config.hidden_size
    clips, frames = [], []
    for sha in shas:
        windows, embeds, steps = table.execute(
            "SELECT windows, embeds, frames FROM sounds WHERE sha = ?", [sha]
        ).fetchone()
        clips.append(pooled(np.frombuffer(embeds, np.float32).reshape(windows, -1)))
        frames.append(np.frombuffer(steps, np.float16).reshape(-1, hidden))
    return Embedded(np.stack(clips), np.stack(frames), made)
