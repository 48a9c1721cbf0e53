"""A set's manifest names each file once, with what it decodes to."""

import soundfile

from biolingual.audio import Sound, sound_sha256
from biolingual.benchmarks.beans import layout, manifest
from biolingual.parallel import Machine
from biolingual.records import BenchmarkItem
from biolingual.tabular import rows, write_rows


def test_windows_of_a_file_are_one_row_with_all_their_labels(made_up, tmp_path):
    data = layout.read("dcase", made_up("dcase"))
    found = manifest.items(data, Machine())
    assert len(found) == 8 and sum(item.split == "test" for item in found) == 4
    for item in found:
        flags = [truth for unit, truth in zip(data.units, data.truth, strict=True) if unit.file.endswith(item.file)]
        assert item.labels == [label for c, label in enumerate(data.classes) if any(one[c] for one in flags)]


def test_a_file_is_known_by_its_samples(made_up):
    folder = made_up("speech-commands")
    first = manifest.items(layout.read("speech-commands", folder), Machine())[0]
    samples, rate = soundfile.read(folder / first.file, dtype="float32")
    assert first.audio_sha256 == sound_sha256(Sound(samples, rate, 1))
    assert (first.file, first.split, first.end_s) == ("audio/train-0.wav", "train", len(samples) / rate)


def test_the_archives_id_is_told_where_the_name_has_it(shared, tmp_path):
    found = manifest.items(layout.read("esc10", shared / "esc10"), Machine())
    write_rows(found, BenchmarkItem, tmp_path / "esc10.parquet")
    read = rows(tmp_path / "esc10.parquet", BenchmarkItem)
    assert len(read) == 400 and read[0].source_id == "freesound:100032" and read[0].task == "esc10"
    assert all(item.source_id and len(item.audio_sha256) == 64 for item in read)
