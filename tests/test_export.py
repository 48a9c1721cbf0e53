"""What goes out is read back by the libraries it is meant for, with a licence and a credit in every row."""

import io
import json
import tarfile

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from biolingual.audio import to_flac
from biolingual.dataset import data_card, export
from biolingual.dataset.attributions import attribution, licence_url
from biolingual.records import Pair, PairCaption
from biolingual.tabular import write_rows
from tests.made_pairs import pair

RATE = 16000
LICENCES = ("CC BY 4.0", "CC BY-NC-SA 3.0", "CC0 1.0")


def tone(number: int) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * (200 + 50 * number) * np.arange(RATE) / RATE)).astype(np.float32)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """(pairs.parquet, how a clip is read): nine real clips of three licences and two splits, and one that is simulated."""
    said = [PairCaption(kind="common", text="The sound of a Great Tit.", status="ok", captioner="template")]
    many = [
        pair(f"xeno_canto:XC{n}", split=("train", "test_seen")[n % 3 == 0], license=LICENCES[n % 3], captions=said, url=f"https://x.org/{n}",
             recorded_by="Ada", common_name="Great Tit", byte_length=1000, latitude=None, source_sample_rate_hz=RATE)
        for n in range(9)
    ]  # fmt: skip
    many.append(pair("simulated:x:1", origin="simulated", license="CC0 1.0", captions=said, byte_length=1000))
    path = tmp_path_factory.mktemp("dataset") / "pairs.parquet"
    write_rows(many, Pair, path)
    number = {one.clip_id: at for at, one in enumerate(many)}
    return path, lambda one: to_flac(tone(number[one.clip_id]), RATE)


@pytest.fixture(scope="module")
def folder(dataset, tmp_path_factory):
    path, read = dataset
    out = tmp_path_factory.mktemp("hf")
    assert export.to_hugging_face(export.chosen(path, [], False), read, out) == {"test_seen": 3, "train": 6}
    return out


def test_every_row_has_its_licence_its_address_and_whom_to_credit(folder):
    rows = [row for file in sorted((folder / "data").iterdir()) for row in pq.read_table(file).to_pylist()]
    assert len(rows) == 9
    for row in rows:
        assert row["license"] in LICENCES and row["license_url"].startswith("https://creativecommons.org/")
        assert row["attribution"].startswith(
            f"Great Tit ({row['recording_id']}) by Ada, {row['license']}, https://x.org/"
        )
        assert row["caption"] == "The sound of a Great Tit." == row["captions"][0] and row["latitude"] is None


def test_datasets_reads_every_split_and_its_bytes_are_the_clips(folder, tmp_path):
    import datasets

    found = datasets.load_dataset("parquet", data_dir=str(folder), cache_dir=str(tmp_path))
    assert {name: len(part) for name, part in found.items()} == {"train": 6, "test_seen": 3}
    assert isinstance(found["train"].features["audio"], datasets.Audio)
    row = found["train"].cast_column("audio", datasets.Audio(decode=False))[0]
    heard, rate = soundfile.read(io.BytesIO(row["audio"]["bytes"]), dtype="float32")
    assert rate == RATE and np.abs(heard - tone(int(row["recording_id"].split("XC")[1]))).max() < 1e-4


def test_datasets_decodes_the_audio(folder, tmp_path):
    import datasets

    try:
        from torchcodec.decoders import AudioDecoder  # noqa: F401
    except (ImportError, RuntimeError, OSError) as error:
        pytest.skip(f"datasets decodes with torchcodec and FFmpeg, which are not here: {str(error).splitlines()[0]}")
    found = datasets.load_dataset("parquet", data_dir=str(folder), cache_dir=str(tmp_path))
    for row in found["train"]:
        heard = row["audio"].get_all_samples()
        assert heard.sample_rate == RATE
        expected = tone(int(row["recording_id"].split("XC")[1]))
        assert np.abs(heard.data[0].numpy() - expected).max() < 1e-4


def test_webdataset_iterates_the_tars(dataset, tmp_path):
    path, read = dataset
    assert export.to_webdataset(export.chosen(path, [], False), read, tmp_path) == {"test_seen": 3, "train": 6}
    webdataset = pytest.importorskip("webdataset", reason="webdataset is not here; the tar's form is tested below")
    samples = list(webdataset.WebDataset(str(tmp_path / "train-000000.tar"), shardshuffle=False))
    assert len(samples) == 6
    for sample in samples:
        told = json.loads(sample["json"])
        assert sample["txt"].decode() == told["text"][0] == "The sound of a Great Tit." and told["attribution"]
        heard, _ = soundfile.read(io.BytesIO(sample["flac"]), dtype="float32")
        assert np.abs(heard - tone(int(told["recording_id"].split("XC")[1]))).max() < 1e-4


def test_a_tar_holds_sound_caption_and_facts_of_a_clip_side_by_side(dataset, tmp_path):
    path, read = dataset
    export.to_webdataset(export.chosen(path, ["CC0"], False), read, tmp_path)
    with tarfile.open(tmp_path / "train-000000.tar") as tar:
        names = tar.getnames()
    keys = [name.partition(".")[0] for name in names]
    assert [name.partition(".")[2] for name in names] == ["flac", "txt", "json"] * 3 and keys == sorted(keys)


@pytest.mark.parametrize(("asked", "count"), [(["open"], 6), (["CC0"], 3), (["CC BY 4.0", "CC0 1.0"], 6), ([], 9)])
def test_a_subset_by_licence_holds_that_alone(dataset, asked, count):
    assert len(list(export.chosen(dataset[0], asked, False))) == count


def test_simulated_sounds_go_out_when_told_to_alone(dataset):
    assert {one.origin for one in export.chosen(dataset[0], [], True)} == {"real", "simulated"}
    assert {one.origin for one in export.chosen(dataset[0], [], False)} == {"real"}


def test_nothing_to_export_is_said(dataset, tmp_path):
    with pytest.raises(ValueError, match=r"nothing to export under MIT"):
        list(export.chosen(dataset[0], ["MIT"], False))
    write_rows([pair("simulated:x:1", origin="simulated", license="CC0 1.0")], Pair, tmp_path / "pairs.parquet")
    with pytest.raises(ValueError, match=r"1 clips are simulated. Made-up sounds go out with --allow-simulated alone"):
        list(export.chosen(tmp_path / "pairs.parquet", [], False))


def test_a_credit_says_that_the_sound_was_cut():
    one = pair("x:1", rights_holder="Bo", license="CC BY 4.0", url="u", common_name="Great Tit")
    assert attribution(one) == "Great Tit (x:1) by Bo, CC BY 4.0, u; excerpt, converted"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CC BY-NC-SA 3.0", "https://creativecommons.org/licenses/by-nc-sa/3.0/"),
        ("CC0 1.0", "https://creativecommons.org/publicdomain/zero/1.0/"),
        ("MIT", ""),
    ],
)
def test_a_licence_has_its_address(text, expected):
    assert licence_url(text) == expected


def test_the_data_card_tells_origins_apart_and_what_is_skewed(tmp_path):
    counts = {split: 0 for split in ("valid", "test_seen", "test_unseen", "test_rare", "test_region")}
    told = {
        "recordings": {"train": 4, **counts},
        "species": {"train": 2, **counts},
        "hours": {"train": 0.5, **counts},
        "archives": {"xeno_canto": 3, "folder": 1},
        "classes": {"Aves": 4},
        "countries": {"": 1, "Veldonia": 3},
        "licences": {"CC0 1.0": 4},
        "rates_hz": {"48000": 4},
    }
    card = {"dataset_sha": "d" * 64, "recordings": 8, "clips": 9, "by_origin": {"real": told, "simulated": told}}
    card |= {"dumps": {}, "leakage": {"benchmarks": {"cbi": {"items": 7, "left": 2}}}}
    data_card.write(card, tmp_path / "README.md", {"train": 4})
    text = (tmp_path / "README.md").read_text()
    assert "75% of the recordings are of one archive, xeno_canto." in text and "Of 25% the country is unknown." in text
    assert text.index("## Real sounds") < text.index("## Simulated sounds") < text.index("Made by a program")
    assert "cbi: 7 items compared; 2 recordings left training." in text and "licences_within: [cc0-1.0]" in text
