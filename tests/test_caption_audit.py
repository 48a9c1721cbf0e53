"""The audit of captions: its sample, its numbers, and a sheet that opens by itself."""

import json
import re
from pathlib import Path

import pytest

from biolingual.archives.simulated import World
from biolingual.caption_audit import Item, audit, sample, spectrogram_png, status_of
from biolingual.captioning import captioner
from biolingual.captioning.endpoint import Endpoint
from biolingual.ingestion import ingest
from biolingual.parallel import Machine
from biolingual.records import Caption, Recording
from biolingual.tabular import rows, write_rows

DUMP = "xeno_canto-2026-01"


@pytest.fixture(scope="module")
def data(tmp_path_factory, params) -> Path:
    """The folder data/ of a small world, captioned by `simulated`, one recording's remarks being of another world."""
    folder = tmp_path_factory.mktemp("world")
    World(1, 40).write(DUMP, folder / "dump", Machine())
    outs = folder / "manifests" / DUMP, folder / "audio" / DUMP
    ingest(DUMP, params.dumps[DUMP], params.ingest, str(folder / "dump"), *outs, Machine())
    found = rows(folder / "manifests" / DUMP / "recordings.parquet", Recording)
    found[0] = Recording(**{**vars(found[0]), "remarks": "Something nobody recorded an answer for."})
    written = captioner("simulated").captions(found, params.caption, Endpoint())
    write_rows((one for of_one in written for one in of_one), Caption, folder / "captions" / f"{DUMP}.parquet")
    return folder


def run(data: Path, out: Path, audio: str = "audio", **changes) -> tuple[dict, str]:
    given = {"each": 3, "seed": 0, "model": ""} | changes
    found = audit(
        [DUMP], data / "manifests", data / "captions", data / audio, **given, page=out / "a.html", out=out / "a.json"
    )
    assert json.loads((out / "a.json").read_text()) == found
    return found, (out / "a.html").read_text()


def test_the_sheet_holds_every_archive_and_status_with_sound_picture_and_checks(data, tmp_path):
    found, page = run(data, tmp_path)
    assert found["sheet"]["groups"] == {"xeno_canto described": 3, "xeno_canto fallback": 1}
    assert page.count("data:audio/flac;base64,") == page.count("data:image/png;base64,") == 4
    assert "no_recorded_answer" in page and page.count("passed") > 4
    assert not re.search(r'(src|href)="(?!data:)', page), "the page needs nothing beside itself"
    numbers = found["dumps"][DUMP]
    assert (
        numbers["reasons"] == {"no_recorded_answer": 1}
        and numbers["captioners"]["simulated"] == numbers["recordings"] - 1
    )
    assert numbers["sample"]["grounded_share"] > 0.99 and not numbers["sample"]["lint"]


def test_a_sound_that_is_not_here_leaves_a_gap_and_is_counted(data, tmp_path):
    found, page = run(data, tmp_path, audio="elsewhere")
    assert found["sheet"]["without_sound"] == 4 and "The sound is not on this machine." in page


def test_a_larger_sample_holds_the_smaller_one_and_the_seed_changes_it():
    items = [
        Item(Recording(recording_id=f"a:{i}", origin="real", dump="d", archive="a"), "ok", [], None) for i in range(50)
    ]

    def drawn(each: int, seed: int) -> list[str]:
        return [item.recording.recording_id for item in sample(items, each, seed)]

    assert drawn(10, 0)[:5] == drawn(5, 0) and drawn(5, 0) != drawn(5, 1)


def test_the_status_of_a_recording_is_its_worst():
    def caption(kind: str, status: str) -> Caption:
        return Caption(recording_id="a", kind=kind, text="x", status=status, captioner="c")

    assert status_of([caption("common", "ok")]) == "ok"
    assert status_of([caption("descriptive", "ok"), caption("common", "ok")]) == "described"
    assert status_of([caption("common", "fallback"), caption("scientific", "ok")]) == "fallback"


def test_a_spectrogram_shows_a_tone_where_it_is():
    import io

    import numpy as np
    from PIL import Image

    tone = np.sin(2 * np.pi * 6000 * np.arange(48000) / 48000).astype(np.float32)
    shades = np.array(Image.open(io.BytesIO(spectrogram_png(tone, 48000))))
    assert abs(shades.mean(axis=1).argmax() / len(shades) - 0.75) < 0.02  # 6 of 24 kHz, from above


def test_a_model_judges_only_sounds_of_the_origin_it_learnt_from(data, tmp_path, tiny, params):
    from biolingual.model import save
    from biolingual.tabular import write_json

    model, log_mel, tokenizer = tiny
    save(model, log_mel, tokenizer, tmp_path / "clap")
    found, page = run(data, tmp_path, model=str(tmp_path / "clap"))
    assert "none of them is on the sheet" in found["sheet"]["model"]
    write_json({"origin": "simulated"}, tmp_path / "clap/lineage.json")
    found, page = run(data, tmp_path, model=str(tmp_path / "clap"))
    assert found["sheet"]["model"].endswith("learnt from simulated sounds") and "Agreement" in page


def test_a_dump_without_captions_says_what_to_run(data, tmp_path):
    with pytest.raises(FileNotFoundError, match="dvc repro caption@elsewhere"):
        audit(
            ["elsewhere"],
            data / "manifests",
            data / "captions",
            data / "audio",
            1,
            0,
            "",
            tmp_path / "p",
            tmp_path / "o",
        )
