"""The dataset for others: a Hugging Face folder (Parquet with an Audio feature) or WebDataset tars, attribution in every row."""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from biolingual import licences
from biolingual.dataset.attributions import attribution, licence_url
from biolingual.records import Pair
from biolingual.tabular import rows

FILE_BYTES = 400_000_000  # of sound in one file
ROWS = 100  # in a row group: what a reader that streams has to hold
LEFT_OUT = ("shard", "shard_sha256", "shard_md5", "byte_offset", "byte_length", "captions", "background_species")
Read = Callable[[Pair], bytes]


def chosen(pairs: Path, asked: list[str], allow_simulated: bool) -> Iterator[Pair]:
    """The clips that may go out, in order, split by split. ValueError where none may."""
    splits = sorted(set(pq.read_table(pairs, columns=["split"])["split"].to_pylist()))
    simulated = found = 0
    for split in splits:
        with pq.ParquetFile(pairs) as file:
            for batch in file.iter_batches(4096):
                for one in rows(pa.Table.from_batches([batch]), Pair):
                    if one.split != split or not _asked_for(one.license, asked):
                        continue
                    if one.origin != "real" and not allow_simulated:
                        simulated += 1
                        continue
                    found += 1
                    yield one
    if not found:
        raise ValueError(
            f"nothing to export: {simulated} clips are simulated. Made-up sounds go out with --allow-simulated alone."
            if simulated
            else f"nothing to export under {', '.join(asked) or 'any licence'}."
        )


def _asked_for(text: str, asked: list[str]) -> bool:
    """No wish: every licence. `open`: neither nc nor nd. Else by name, with or without the version."""
    found = licences.parse(text)
    if not asked or found is None:
        return not asked
    return ("open" in asked and not (found.nc or found.nd)) or text in asked or found.family in asked


def row_of(pair: Pair) -> dict:
    """What goes out of a clip beside its sound: captions, provenance, licence with its address, and the line to credit it by."""
    own = {name: value for name, value in asdict(pair).items() if name not in LEFT_OUT}
    own["class"] = own.pop("class_")
    said = [one for one in pair.captions if one.status == "ok"] or pair.captions
    return {
        **own,
        "caption": said[0].text if said else "",
        "captions": [one.text for one in pair.captions],
        "caption_kinds": [one.kind for one in pair.captions],
        "captioners": [one.captioner for one in pair.captions],
        "background_species": pair.background_species,
        "license_url": licence_url(pair.license),
        "attribution": attribution(pair),
    }


def to_hugging_face(pairs: Iterable[Pair], read: Read, out: Path) -> dict[str, int]:
    """data/<split>-00000-of-0000N.parquet, read by `datasets.load_dataset("parquet", data_dir=out)`; {split: clips}."""
    counts: dict[str, int] = {}
    for split, files in _files(pairs):
        folder = out / "data"
        folder.mkdir(parents=True, exist_ok=True)
        names = []
        for part in files:
            names.append(folder / f".{split}-{len(names):05d}.part")
            _write_parquet(part, read, names[-1])
            counts[split] = counts.get(split, 0) + len(part)
        for number, name in enumerate(names):
            name.rename(folder / f"{split}-{number:05d}-of-{len(names):05d}.parquet")
    return counts


def to_webdataset(pairs: Iterable[Pair], read: Read, out: Path) -> dict[str, int]:
    """<split>-000000.tar ...: for each clip KEY.flac, KEY.txt (a caption) and KEY.json (all of them as "text", and the rest)."""
    counts: dict[str, int] = {}
    out.mkdir(parents=True, exist_ok=True)
    for split, files in _files(pairs):
        for number, part in enumerate(files):
            with tarfile.open(out / f"{split}-{number:06d}.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
                for at, pair in enumerate(part):
                    told = row_of(pair)
                    key = f"{number:06d}{at:06d}-{re.sub(r'[^A-Za-z0-9]+', '_', pair.clip_id)[-60:]}"
                    _add(tar, f"{key}.flac", read(pair))
                    _add(tar, f"{key}.txt", told["caption"].encode())
                    told = {**told, "text": told["captions"], "tag": [told["common_name"], told["scientific_name"]]}
                    _add(tar, f"{key}.json", json.dumps(told, ensure_ascii=False).encode())
            counts[split] = counts.get(split, 0) + len(part)
    return counts


def _files(pairs: Iterable[Pair]) -> Iterator[tuple[str, Iterator[list[Pair]]]]:
    """(split, its clips in files of FILE_BYTES); pairs come split by split."""
    from itertools import groupby

    for split, ones in groupby(pairs, lambda pair: pair.split):
        yield split, _parts(ones)


def _parts(pairs: Iterable[Pair]) -> Iterator[list[Pair]]:
    part: list[Pair] = []
    held = 0
    for pair in pairs:
        part.append(pair)
        held += pair.byte_length
        if held >= FILE_BYTES:
            yield part
            part, held = [], 0
    if part:
        yield part


def _write_parquet(pairs: list[Pair], read: Read, path: Path) -> None:
    expected = _schema()
    with pq.ParquetWriter(path, expected, compression="zstd") as file:
        for start in range(0, len(pairs), ROWS):
            some = pairs[start : start + ROWS]
            told = [
                {
                    "audio": {"bytes": read(one), "path": f"{one.clip_id.replace(':', '_').replace('#', '_')}.flac"},
                    **row_of(one),
                }
                for one in some
            ]
            file.write_table(pa.Table.from_pylist(told, schema=expected))


def _schema() -> pa.Schema:
    """The columns of an export, with the note by which `datasets` knows the sound."""
    from biolingual.tabular import schema

    text, texts = pa.string(), pa.list_(pa.string())
    own = [(one.name.rstrip("_"), one.type) for one in schema(Pair) if one.name not in LEFT_OUT]
    lists = [(name, texts) for name in ("captions", "caption_kinds", "captioners", "background_species")]
    told = [("audio", pa.struct([("bytes", pa.binary()), ("path", text)])), *own, ("caption", text), *lists]
    columns = pa.schema([*told, ("license_url", text), ("attribution", text)])
    features = {name: _feature(kind) for name, kind in zip(columns.names, columns.types, strict=True)}
    note = {"info": {"features": {**features, "audio": {"_type": "Audio"}}}}
    return columns.with_metadata({"huggingface": json.dumps(note)})


def _feature(kind: pa.DataType) -> dict:
    if pa.types.is_list(kind):
        return {"_type": "List", "feature": _feature(kind.value_type)}
    names = {pa.string(): "string", pa.int64(): "int64", pa.float64(): "float64"}
    return {"_type": "Value", "dtype": names.get(kind, "string")}


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = len(data), 0, 0o644
    tar.addfile(info, io.BytesIO(data))
