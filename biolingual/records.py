"""The nouns every room passes to the next; tabular.py makes tables and files of them.

Names are Darwin Core's in snake_case where it has one. Unknown text is "", an unknown number is None; nothing else
stands for "unknown".
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

ORIGINS = ("real", "simulated", "fixture", "mixed")
SPLITS = ("train", "valid", "test_seen", "test_unseen", "test_rare", "test_region")
CAPTION_KINDS = ("common", "scientific", "taxonomic", "descriptive", "background")
CAPTION_STATUSES = ("ok", "fallback", "refused")


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One sound of an archive, as the archive describes it, plus what decoding found."""

    recording_id: str  # "xeno_canto:XC12345"; begins with "simulated:" where the origin is simulated
    origin: str  # real | simulated
    dump: str
    archive: str
    scientific_name: str = ""  # accepted
    source_name: str = ""  # as given
    common_name: str = ""
    taxon_id: str = ""
    checklist: str = ""  # "" = names taken as given, unresolved
    checklist_version: str = ""
    kingdom: str = ""
    phylum: str = ""
    class_: str = ""  # Darwin Core's `class`; the underscore is Python's
    order: str = ""
    family: str = ""
    genus: str = ""
    rank: str = ""
    behavior: str = ""
    sex: str = ""
    life_stage: str = ""
    background_species: list[str] = field(default_factory=list)
    remarks: str = ""  # the source's own words
    remarks_language: str = ""
    recorded_by: str = ""
    rights_holder: str = ""
    license: str = ""  # normalised
    license_source: str = ""  # as given
    country: str = ""
    locality_coarse: str = ""
    latitude: float | None = None
    longitude: float | None = None
    coordinate_uncertainty_m: float | None = None
    event_date: str = ""
    event_time: str = ""
    source_recording: str = ""  # the recording this one was cut from, where the archive says so
    source_sample_rate_hz: int | None = None
    channels: int | None = None
    duration_s: float | None = None
    declared_duration_s: float | None = None
    audio_sha256: str = ""  # of the decoded sound, not of the file
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A window of a recording, stored in a shard."""

    clip_id: str
    recording_id: str
    offset_s: float
    duration_s: float
    shard: str
    shard_sha256: str
    shard_md5: str  # DVC's content address: the remote holds the shard at files/md5/aa/bb...
    byte_offset: int
    byte_length: int
    activity: float  # 0..1, see audio.activity_windows


@dataclass(frozen=True, kw_only=True)
class Caption:
    """One sentence about a recording and where it came from."""

    recording_id: str
    kind: str
    text: str
    status: str
    reason: str = ""
    captioner: str
    model: str = ""
    prompt_sha: str = ""


@dataclass(frozen=True, kw_only=True)
class PairCaption:
    """The part of a Caption that travels inside a Pair."""

    kind: str
    text: str
    status: str
    captioner: str
    model: str = ""
    prompt_sha: str = ""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A clip with its captions, split and provenance: the row the model learns from."""

    clip_id: str
    recording_id: str
    origin: str
    dump: str
    archive: str
    split: str
    cell: str  # what the split was drawn for: recordist | date | place, or the source recording
    captions: list[PairCaption]
    scientific_name: str
    common_name: str
    rank: str
    kingdom: str
    phylum: str
    class_: str
    order: str
    family: str
    genus: str
    checklist: str
    behavior: str
    background_species: list[str]
    recorded_by: str
    rights_holder: str
    license: str
    country: str
    latitude: float | None
    longitude: float | None
    event_date: str
    source_sample_rate_hz: int | None
    audio_sha256: str
    url: str
    offset_s: float
    duration_s: float
    activity: float
    shard: str
    shard_sha256: str
    shard_md5: str
    byte_offset: int
    byte_length: int
    source_name: str = ""
    taxon_id: str = ""
    checklist_version: str = ""
    sex: str = ""
    life_stage: str = ""
    license_source: str = ""
    locality_coarse: str = ""
    coordinate_uncertainty_m: float | None = None
    event_time: str = ""
    source_recording: str = ""


@dataclass(frozen=True, kw_only=True)
class Rejected:
    """An input that became no row, and why."""

    recording_id: str  # the id, or the file where there is no id
    dump: str
    stage: str
    reason: str  # a short fixed code
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class BenchmarkItem:
    """One labelled sound of a benchmark: the row of a task's manifest, which the leakage check reads too."""

    task: str
    item_id: str
    split: str
    labels: list[str]
    start_s: float = 0.0
    end_s: float | None = None  # None: to the end of the file
    file: str = ""
    source_id: str = ""  # "xeno_canto:XC12345" where the benchmark's sound comes from an archive
    recorded_by: str = ""
    event_date: str = ""
    audio_sha256: str = ""
    license: str = ""


@dataclass(frozen=True, kw_only=True)
class Score:
    """What a model reached on a task, with everything needed to reproduce and to trace it."""

    task: str
    origin: str  # of the sounds that were scored
    model_origin: str  # of the sounds the model learnt from; "mixed" where it saw both
    protocol: str
    metrics: dict[str, float]
    primary: str
    value: float
    chance: float
    ci95: list[float]  # [low, high], bootstrap by recording
    n: int
    n_classes: int
    prompt_template: str
    classes_sha: str
    dataset_sha: str
    model_sha: str
    embedding_id: str
    seed: int
    verdict: str  # one sentence, the first line a reader sees
    baselines: dict[str, dict[str, float]] = field(default_factory=dict)  # chance, majority, mfcc_logreg
    n_skipped: int = 0
    notes: str = ""
    # What only some tasks tell; not written where there is nothing to tell.
    groups: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)  # "family" -> name -> {value, n}
    confused: list[list] = field(default_factory=list)  # [true class, what it was taken for, how often]
    curves: dict[str, dict] = field(
        default_factory=dict
    )  # name -> {x: what levels are, points: [[level, value]], chance?}

    def as_json(self) -> dict:
        """The score as it is written to a file."""
        told = dataclasses.asdict(self)
        return {key: value for key, value in told.items() if value or key not in ("groups", "confused", "curves")}
