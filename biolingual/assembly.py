"""AnimalSpeak from manifests and captions: the join, the duplicates, and the split that no later dump can move."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from biolingual.params import AssembleParams
from biolingual.records import (
    SPLITS,
    Caption,
    Clip,
    Pair,
    PairCaption,
    Recording,
    Rejected,
    read_json,
    rows,
    write_json,
    write_rows,
)
from biolingual.storage import file_digests

STAGE = "assemble"


@dataclass(frozen=True)
class Dump:
    """What assemble reads of one dump."""

    name: str
    recordings: list[Recording]
    clips: list[Clip]
    captions: list[Caption]


def unit(seed: int, *words: str) -> float:
    """A number in [0, 1) that depends on the words and the seed alone."""
    return int.from_bytes(hashlib.sha256("\0".join([str(seed), *words]).encode()).digest()[:7], "big") / (1 << 56)


def is_held_out(recording: Recording, params: AssembleParams) -> bool:
    """Whether the recording's taxon is never trained on: named in `held_out` at any rank, or drawn by hash of the species."""
    taxa = {recording.scientific_name, recording.genus, recording.family, recording.order, recording.class_} - {""}
    if taxa & set(params.held_out):
        return True
    drawn = unit(params.seed, "taxon", recording.scientific_name) < params.held_out_species_share
    return recording.rank == "species" and drawn


def cell_of(recording: Recording) -> str:
    """What the split is drawn for: recordist | date | place; where the recordist is unknown, the source recording."""
    if not recording.recorded_by:
        return f"source|{recording.source_recording or recording.recording_id}"
    place = recording.locality_coarse
    if recording.latitude is not None and recording.longitude is not None:
        place = f"{recording.latitude:.1f},{recording.longitude:.1f}"
    return f"{recording.recorded_by}|{recording.event_date}|{place}"


def split_of(recording: Recording, params: AssembleParams) -> str:
    """hash(is the taxon held out?, cell): a function of this recording alone, so no later dump moves it."""
    if is_held_out(recording, params):
        return "test_unseen"
    draw = unit(params.seed, "cell", cell_of(recording))
    if draw < params.test_share:
        return "test_seen"
    return "valid" if draw < params.test_share + params.valid_share else "train"


def assemble(dumps: Iterable[Dump], params: AssembleParams) -> tuple[list[Pair], list[Rejected]]:
    """Every recording becomes its pairs or one rejected row. Earlier dumps win over later ones; inside a dump, the id order.

    A duplicate (same id or same decoded audio) is dropped: as `straddles` where its own split would be another one than
    the first copy's, since then the same sound would sit on both sides. So is a cut whose source recording lies elsewhere.
    """
    pairs: list[Pair] = []
    rejected: list[Rejected] = []
    first_split: dict[str, dict[str, str]] = {"duplicate_id": {}, "duplicate_audio": {}, "source": {}}
    for dump in dumps:
        clips, captions = defaultdict(list), defaultdict(list)
        for clip in dump.clips:
            clips[clip.recording_id].append(clip)
        for caption in dump.captions:
            captions[caption.recording_id].append(caption)
        for recording in dump.recordings:
            split = split_of(recording, params)
            usable = [caption for caption in captions[recording.recording_id] if caption.status != "refused"]
            reason, detail = _refusal(recording, split, usable, first_split)
            if reason:
                rejected.append(
                    Rejected(
                        recording_id=recording.recording_id, dump=dump.name, stage=STAGE, reason=reason, detail=detail
                    )
                )
                continue
            pairs += [_pair(recording, clip, usable, split) for clip in clips[recording.recording_id]]
    return sorted(pairs, key=lambda pair: pair.clip_id), rejected


def _refusal(
    recording: Recording, split: str, usable: list[Caption], first: dict[str, dict[str, str]]
) -> tuple[str, str]:
    """(reason, detail), or ("", "") after remembering the recording as the first of its id, audio and source."""
    source = recording.source_recording  # "xeno_canto:XC123", or an id of its own archive
    if source and ":" not in source:
        source = f"{recording.archive}:{source}"
    keys = [
        ("duplicate_id", recording.recording_id),
        ("duplicate_audio", recording.audio_sha256),
        ("source", source),  # a cut meets its original, and the original its cuts
        ("source", recording.recording_id.removeprefix("simulated:")),
    ]
    if not usable:
        return "no_caption", "no name to caption it by"
    for reason, key in keys:
        other = first[reason].get(key)
        if other is None or (reason == "source" and other == split):
            continue
        if other != split:
            return "straddles", f"{reason} {key} lies in {other}, this one would fall in {split}"
        return reason, key
    for reason, key in keys:
        if key:
            first[reason].setdefault(key, split)
    return "", ""


def _pair(recording: Recording, clip: Clip, captions: list[Caption], split: str) -> Pair:
    own = vars(recording)
    shared = {name: own[name] for name in Pair.__dataclass_fields__ if name in own and name not in ("duration_s",)}
    return Pair(
        **shared,
        clip_id=clip.clip_id,
        split=split,
        cell=cell_of(recording),
        captions=[
            PairCaption(kind=caption.kind, text=caption.text, status=caption.status, captioner=caption.captioner)
            for caption in captions
        ],
        offset_s=clip.offset_s,
        duration_s=clip.duration_s,
        activity=clip.activity,
        shard=clip.shard,
        shard_sha256=clip.shard_sha256,
        shard_md5=clip.shard_md5,
        byte_offset=clip.byte_offset,
        byte_length=clip.byte_length,
    )


def read_dump(name: str, manifests: Path, captions: Path) -> Dump:
    """One dump's tables. ValueError names the table that is not what its stage writes."""
    folder = manifests / name
    return Dump(
        name,
        rows(folder / "recordings.parquet", Recording),
        rows(folder / "clips.parquet", Clip),
        rows(captions / f"{name}.parquet", Caption),
    )


def write(
    pairs: list[Pair], rejected: list[Rejected], dumps: list[str], manifests: Path, captions: Path, out: Path
) -> dict:
    """Write pairs, rejected and the card of the dataset version; returns the card.

    The card holds the sha256 of every table that went in and of pairs.parquet itself (`dataset_sha`): the passport's joint.
    """
    write_rows(pairs, Pair, out / "pairs.parquet")
    write_rows(rejected, Rejected, out / "rejected.parquet")
    recordings = {pair.recording_id: pair for pair in pairs}.values()
    card = {
        "dataset_sha": file_digests(str(out / "pairs.parquet"))[0],
        "dumps": {name: _dump_card(name, manifests, captions) for name in dumps},
        "recordings": len(recordings),
        "clips": len(pairs),
        "rejected": dict(sorted(Counter(row.reason for row in rejected).items())),
        "by_origin": {
            origin: {
                "recordings": {
                    split: sum(one.split == split and one.origin == origin for one in recordings) for split in SPLITS
                },
                "species": {
                    split: len(
                        {one.scientific_name for one in recordings if (one.origin, one.split) == (origin, split)}
                    )
                    for split in SPLITS
                },
                "licences": dict(sorted(Counter(one.license for one in recordings if one.origin == origin).items())),
            }
            for origin in sorted({one.origin for one in recordings})
        },
    }
    write_json(card, out / "card.json")
    return card


def _dump_card(name: str, manifests: Path, captions: Path) -> dict:
    counts = read_json(manifests / name / "ingest.json")
    return {
        "archive": counts["archive"],
        "origin": counts["origin"],
        "digest": counts["digest"],
        "recordings": counts["recordings"],
        "rejected": counts["rejected"],
        "manifest_sha": file_digests(str(manifests / name / "recordings.parquet"))[0],
        "clips_sha": file_digests(str(manifests / name / "clips.parquet"))[0],
        "captions_sha": file_digests(str(captions / f"{name}.parquet"))[0],
    }
