"""The audit of captions: a sheet to listen to and read, drawn by archive and status, and the same in numbers."""

from __future__ import annotations

import base64
import hashlib
import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

from biolingual.captioning.checks import faults
from biolingual.captioning.summary import Summary
from biolingual.records import Caption, Clip, Recording
from biolingual.shard_reader import Shards
from biolingual.tabular import read_json, read_table, rows, write_json

SHOWN = (
    "archive", "origin", "scientific_name", "common_name", "behavior", "sex", "life_stage", "background_species", "remarks",
    "remarks_language", "license", "rights_holder",
)  # fmt: skip
FFT_S, BINS, FRAMES, FLOOR_DB = 0.02, 160, 640, -80.0  # of a spectrogram
UNLIKELY = 0.5  # a caption that fits its sound less well than half of the other species' captions do


@dataclass
class Item:
    """A recording of the sheet: its clip, its captions, and of each caption what the checks say now and how well it fits."""

    recording: Recording
    status: str
    captions: list[Caption]
    clip: Clip | None
    findings: list[list[str]] = field(default_factory=list)  # of each caption
    agreement: list[float | None] = field(default_factory=list)  # of each caption, 0..1
    waveform: np.ndarray | None = None  # [T]
    sample_rate_hz: int = 0


def audit(
    dumps: list[str],
    manifests: Path,
    captions: Path,
    audio: Path,
    each: int,
    seed: int,
    model: str,
    page: Path,
    out: Path,
) -> dict:
    """Write the sheet and its numbers; returns the numbers. `each`: recordings of every archive and status on the sheet.

    FileNotFoundError where a dump has no captions. Sounds that are not on this machine leave a gap on the sheet and are counted.
    """
    items: list[Item] = []
    numbers: dict[str, dict] = {}
    for dump in dumps:
        of_dump, numbers[dump] = _read(dump, manifests / dump, captions / f"{dump}.parquet")
        items += of_dump
    chosen = list(sample(items, each, seed))
    for item in chosen:
        item.findings = [
            [f"{fault.reason}: {fault.detail}" for fault in faults(one.text, item.recording, one.kind)]
            if one.text
            else []
            for one in item.captions
        ]
        _listen(item, Shards(str(audio)))
    judged = _agree(chosen, model) if model else ""
    found = {
        "dumps": numbers,
        "sheet": {
            "recordings": len(chosen),
            "without_sound": sum(item.waveform is None for item in chosen),
            "groups": dict(sorted(Counter(f"{item.recording.archive} {item.status}" for item in chosen).items())),
            "with_findings": sum(any(item.findings) for item in chosen),
            "likely_mismatches": [item.recording.recording_id for item in chosen if mismatch(item)],
            "model": judged,
        },
    }
    write_json(found, out)
    _write_page(chosen, found, page)
    return found


def status_of(captions: list[Caption]) -> str:
    """`refused`, `fallback`, `described` where one goes beyond the structured fields, else `ok`."""
    statuses = {one.status for one in captions}
    for status in ("refused", "fallback"):
        if status in statuses:
            return status
    return "described" if any(one.kind == "descriptive" for one in captions) else "ok"


def sample(items: Iterable[Item], each: int, seed: int) -> Iterator[Item]:
    """`each` items of every archive and status, drawn by hash of seed and id, so that a larger sample holds the smaller one."""
    groups: dict[tuple[str, str], list[Item]] = defaultdict(list)
    for item in items:
        groups[(item.recording.archive, item.status)].append(item)

    def draw(item: Item) -> bytes:
        return hashlib.sha256(f"{seed}:{item.recording.recording_id}".encode()).digest()

    for _, group in sorted(groups.items()):
        yield from sorted(group, key=draw)[:each]


def mismatch(item: Item) -> bool:
    """Whether a description fits the sound so badly, by the model, that someone should listen."""
    return any(
        one.kind == "descriptive" and fit is not None and fit < UNLIKELY
        for one, fit in zip(item.captions, item.agreement, strict=False)
    )


def _read(dump: str, manifests: Path, captions: Path) -> tuple[list[Item], dict]:
    if not captions.is_file():
        raise FileNotFoundError(f"{captions} is missing. Run: dvc repro caption@{dump}")
    of: dict[str, list[Caption]] = defaultdict(list)
    for one in rows(captions, Caption):
        of[one.recording_id].append(one)
    clips: dict[str, Clip] = {}
    for clip in rows(read_table(manifests / "clips.parquet", Clip), Clip):
        clips.setdefault(clip.recording_id, clip)
    summary, items = Summary(), []
    for recording in summary.watched(rows(manifests / "recordings.parquet", Recording)):
        own = of[recording.recording_id]
        summary.add(own)
        items.append(Item(recording, status_of(own), own, clips.get(recording.recording_id)))
    return items, summary.as_json()


def _listen(item: Item, shards: Shards) -> None:
    if item.clip is None:
        return
    try:
        data = shards.read(_Address(item.recording.dump, item.clip))
    except FileNotFoundError:
        return
    item.waveform, item.sample_rate_hz = soundfile.read(io.BytesIO(data), dtype="float32")


class _Address:
    """A clip's address with its dump, as Shards asks for it."""

    def __init__(self, dump: str, clip: Clip):
        self.dump = dump
        self.shard, self.shard_md5 = clip.shard, clip.shard_md5
        self.byte_offset, self.byte_length = clip.byte_offset, clip.byte_length


def _agree(items: list[Item], model: str) -> str:
    """Set how well each caption fits its sound: the share of captions of its kind on the sheet, of other species,
    that fit it worse.

    Returns what the model was. Only sounds of the origin that the model learnt from are judged.
    """
    from biolingual.model import Embedder

    lineage = Path(model) / "lineage.json"
    learnt_from = read_json(lineage).get("origin", "real") if lineage.is_file() else "real"
    heard = [item for item in items if item.waveform is not None and item.recording.origin == learnt_from]
    if not heard:
        return f"{model}, learnt from {learnt_from} sounds: none of them is on the sheet"
    embedder = Embedder.load(model)
    longest = embedder.log_mel.samples
    sounds = embedder.audio([item.waveform[:longest] for item in heard])  # [n, D]
    texts = [one.text for item in heard for one in item.captions]
    species = np.array([item.recording.scientific_name for item in heard for _ in item.captions])
    kinds = np.array([one.kind for item in heard for one in item.captions])
    scores = sounds @ embedder.text(texts).T  # [n, texts]
    place = 0
    for row, item in enumerate(heard):
        for one in item.captions:
            others = scores[row, (species != item.recording.scientific_name) & (kinds == one.kind)]
            item.agreement.append(round(float((others < scores[row, place]).mean()), 3) if len(others) else None)
            place += 1
    return f"{model}, learnt from {learnt_from} sounds"


def spectrogram_png(waveform: np.ndarray, sample_rate_hz: int) -> bytes:
    """[T] -> a PNG, time to the right, frequency from 0 to half the rate upwards, FLOOR_DB below the loudest is black."""
    from matplotlib import colormaps
    from PIL import Image
    from scipy.signal import stft

    size = max(64, round(FFT_S * sample_rate_hz))
    _, _, spectrum = stft(waveform, sample_rate_hz, nperseg=size, noverlap=size * 3 // 4)
    power = np.abs(spectrum) ** 2
    level = 10 * np.log10(np.maximum(power, 1e-12) / max(float(power.max()), 1e-12))  # [F, T]
    bins, frames = (
        np.linspace(len(level) - 1, 0, BINS).astype(int),
        np.linspace(0, level.shape[1] - 1, FRAMES).astype(int),
    )
    shades = np.clip((level[bins][:, frames] / -FLOOR_DB + 1) * 255, 0, 255).astype(np.uint8)
    picture = Image.fromarray(shades, "P")
    picture.putpalette((colormaps["magma"](np.arange(256))[:, :3] * 255).astype(np.uint8).tobytes())
    buffer = io.BytesIO()
    picture.save(buffer, "png")
    return buffer.getvalue()


def _write_page(items: list[Item], found: dict, page: Path) -> None:
    from biolingual.audio import to_flac
    from biolingual.pages import render

    cards = []
    for item in items:
        card = {
            "id": item.recording.recording_id,
            "archive": item.recording.archive,
            "status": item.status,
            "mismatch": mismatch(item),
            "metadata": [
                (name, _told(getattr(item.recording, name))) for name in SHOWN if getattr(item.recording, name)
            ],
            "captions": [
                {**vars(one), "findings": findings, "agreement": fit}
                for one, findings, fit in zip(
                    item.captions, item.findings, item.agreement or [None] * len(item.captions), strict=True
                )
            ],
            "sound": "",
        }
        if item.waveform is not None:
            card["seconds"] = len(item.waveform) / item.sample_rate_hz
            card["khz"] = item.sample_rate_hz / 2000
            card["sound"] = _inline("audio/flac", to_flac(item.waveform, item.sample_rate_hz))
            card["picture"] = _inline("image/png", spectrogram_png(item.waveform, item.sample_rate_hz))
        cards.append(card)
    render("captions.html.j2", page, cards=cards, found=found)


def _told(value: object) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)


def _inline(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
