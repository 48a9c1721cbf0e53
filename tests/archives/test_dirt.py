"""What ingest must survive: the 21 kinds of dirt that archives are known for, and where each is tested.

| point | dirt | tests |
|---|---|---|
|  1 | tables as meta.xml writes them: tabs, quotes, encodings, folders, junk | test_darwin_core_archive |
|  2 | no line skipped without a word | test_darwin_core_archive: ..._line_is_accounted_for, ..._handed_over_with_their_reason |
|  3 | orphan media, occurrences without sound, many to many | test_inaturalist, test_darwin_core, test_xeno_canto (GBIF) |
|  4 | sonograms among the media | test_darwin_core::test_what_is_no_sound_..., test_foreign_audio::test_a_sonogram_... |
|  5 | entities, tags, CRLF | test_source::test_text_becomes_one_plain_line; here: mojibake is kept, never guessed |
|  6 | Latin-1, placeholders, Namibia | test_source, test_watkins::test_a_page_in_windows_1252_is_read; here |
|  7 | language of remarks | test_animal_sound_archive::test_the_language_of_real_remarks_...; here |
|  8 | placeholders for species | test_taxonomy::test_a_placeholder_is_no_name, test_xeno_canto; here |
|  9 | sp., cf., slash, spuh, hybrid, domestic, subspecies | test_taxonomy, all of eBird's taxonomy included |
| 10 | people, plants, free text in background lists | test_taxonomy::test_people_plants_and_fungi_...; here |
| 11 | homonyms, alphanumeric keys | test_taxonomy::test_homonyms_..., test_darwin_core |
| 12 | partial and zero dates, times in words | test_source::test_a_date_..., test_a_time_..., test_watkins::test_a_date_... |
| 13 | obscured, swapped, redacted places | test_source::test_coordinates_..., test_inaturalist, test_xeno_canto: a hidden place |
| 14 | licences in every form, per medium | test_licences, test_darwin_core::test_the_licence_is_the_mediums_... |
| 15 | ND and NC by policy, attribution | test_licences; here |
| 16 | broken, foreign and oddly coded files | test_audio, test_foreign_audio; here: every real recording |
| 17 | dead channels, offset, clipping, tones, slowed bats | test_audio, test_marks, test_animal_sound_archive; here |
| 18 | declared and decoded disagree | here |
| 19 | one recording in several archives | test_animalspeak_release: ids from addresses; tests/test_assembly: duplicates; here |
| 20 | cuts of one recording | tests/test_assembly (straddles), test_folder (xenoCantoId) |
| 21 | keys in errors, endless paging, errors under 200, HTML | test_xeno_canto, test_animal_sound_archive |
"""

import json

import numpy as np
import pytest
import soundfile

from biolingual.archives import ARCHIVES, adapter, xeno_canto
from biolingual.archives.source import clean, language_of
from biolingual.audio import UndecodableError
from biolingual.foreign_audio import decode_any
from biolingual.ingestion import ingest
from biolingual.marks import Mark
from biolingual.parallel import Machine
from biolingual.params import DumpRow
from biolingual.records import Caption, Recording, Rejected
from biolingual.storage import list_files
from biolingual.tabular import rows
from tests.archives.made_dumps import dump_row, save

RATE = 16000


def noise(seconds: float, seed: int = 1) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * RATE))


def page(folder, **fields) -> str:
    """A Xeno-canto dump of one recording, whose sound is audio/XC1.wav."""
    entry = {"id": "1", "gen": "Turdus", "sp": "merula", "file": "x", "lic": "//creativecommons.org/licenses/by/4.0/"}
    return save(folder, {"pages/page-0001.json": json.dumps({"recordings": [{**entry, **fields}]})})


def outcome(folder, params, sound: np.ndarray | None, row: DumpRow | None = None, **fields):
    """The tables that ingest makes of that dump: {name: rows}."""
    source = page(folder / "in", **fields)
    (folder / "in/audio").mkdir(exist_ok=True)
    if sound is not None:
        soundfile.write(folder / "in/audio/XC1.wav", sound, RATE)
    ingest(
        "d", row or dump_row("xeno_canto"), params.ingest, source, folder / "m", folder / "s" / "d", Machine(workers=1)
    )
    nouns = {"recordings": Recording, "rejected": Rejected, "captions": Caption, "marks": Mark}
    return {
        name: rows(folder / f"m/{name}.parquet", noun)
        for name, noun in nouns.items()
        if (folder / f"m/{name}.parquet").exists()
    }


@pytest.mark.parametrize("text", ["Praça da República", "Bäume und Wälder", "Ã…ngstrÃ¶m", "Ćmielów"])
def test_05_correct_text_is_never_repaired_into_something_else(text):
    assert clean(text) == text


@pytest.mark.parametrize("text", ["-", "?", "/N", "no score", "unknown", "uncertain", "[]", "['']", "nan"])
def test_06_a_placeholder_is_no_text(text):
    assert clean(text) == ""


def test_06_na_is_namibia(tmp_path, params):
    (one,) = outcome(tmp_path, params, noise(1), cnt="NA")["recordings"]
    assert one.country == "NA"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Zwischen der Buchfink-Aufnahme und dem Zaun", "de"),
        ("Calls of soprano pipistrelles before and after leaving the box", "en"),
        ("Canto do macho com uma coruja", "pt"),
        ("Chant dans les arbres avec une mésange", "fr"),
        ("Kienberg, sv.", ""),
    ],
)
def test_07_the_language_of_remarks_is_known_or_left_open(text, language):
    assert language_of(text) == language


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"gen": "Mystery", "sp": "mystery"}, "name_placeholder"),
        ({"gen": "Sonus", "sp": "naturalis"}, "name_placeholder"),
        ({"status": "unidentified"}, "not_identified"),
        ({"status": "questioned"}, "not_identified"),
        ({"gen": "Homo", "sp": "sapiens"}, "not_an_animal"),
        ({"sp": "merula x philomelos"}, "name_hybrid"),
        ({"sp": "sp."}, "name_uncertain"),
    ],
)
def test_08_09_10_what_is_no_species_gives_no_recording(tmp_path, params, fields, reason):
    tables = outcome(tmp_path, params, noise(1), **fields)
    assert tables["recordings"] == [] and [one.reason for one in tables["rejected"]] == [reason]


def test_10_free_text_in_a_background_list_is_kept_as_text(tmp_path, params):
    (one,) = outcome(tmp_path, params, noise(1), also=["Pipistrellus sp.", "birds", ""])["recordings"]
    assert one.background_species == ["Pipistrellus sp.", "birds"]


@pytest.mark.parametrize(
    ("licence", "reason"),
    [
        ("//creativecommons.org/licenses/by-nc-nd/2.5/", "licence_no_derivatives"),
        (None, "licence_missing_or_unknown"),
        ("-", "licence_missing_or_unknown"),
        ("//creativecommons.org/licenses/by-nc-sa/3.0/", ""),
    ],
)
def test_15_nd_and_unknown_are_refused_nc_is_kept_and_told(tmp_path, params, licence, reason):
    tables = outcome(tmp_path, params, noise(1), lic=licence, rec="Ada Marr")
    assert [one.reason for one in tables["rejected"]] == ([reason] if reason else [])
    for one in tables["recordings"]:
        assert (one.license, one.license_source, one.rights_holder) == ("CC BY-NC-SA 3.0", licence, "Ada Marr")


def test_16_every_real_recording_decodes_or_gives_a_reason(shared):
    reasons = {}
    for name, url in list_files(str(shared / "recordings")):
        if name.endswith((".wav", ".ogg", ".m4a", ".wac")) or "Sandhill" in name:
            try:
                with open(url, "rb") as file:
                    decode_any(file.read())
            except UndecodableError as error:
                reasons[name.rsplit("/", 1)[-1]] = error.reason
    assert reasons["Sound_Library_-_Sandhill_Crane_1.mp3"] == "html_page"
    assert reasons["empty_2c.wav"] == "zero_frames"
    assert set(reasons.values()) == {"html_page", "zero_frames", "undecodable"} and len(reasons) == 3


def test_17_an_offset_is_taken_out_and_marked(tmp_path, params):
    tables = outcome(tmp_path, params, noise(1) + 0.3)
    assert [(one.recording_id, one.mark) for one in tables["marks"]] == [("xeno_canto:XC1", "dc_offset")]
    assert tables["marks"][0].value == pytest.approx(0.3, abs=0.01)


def test_17_a_calibration_tone_in_front_is_marked_and_never_cut_into_a_clip(tmp_path, params):
    from biolingual.records import Clip

    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(5 * RATE) / RATE)
    tables = outcome(tmp_path, params, np.concatenate([tone, noise(4)]))
    assert [one.mark for one in tables["marks"]] == ["test_tone"]
    assert all(clip.offset_s >= 4.9 for clip in rows(tmp_path / "m/clips.parquet", Clip))


def test_17_a_test_tone_alone_is_no_recording(tmp_path, params):
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(3 * RATE) / RATE)
    assert [one.reason for one in outcome(tmp_path, params, tone)["rejected"]] == ["test_tone"]


def test_17_a_sound_ten_times_as_long_as_declared_is_a_slowed_bat(tmp_path, params):
    assert [one.reason for one in outcome(tmp_path, params, noise(20), length="0:02")["rejected"]] == ["time_expanded"]


def test_18_the_decoded_length_and_rate_rule_and_the_declared_length_is_kept_beside(tmp_path, params):
    (one,) = outcome(tmp_path, params, noise(3), length="0:05", smp="48000")["recordings"]
    assert (one.duration_s, one.declared_duration_s, one.source_sample_rate_hz) == (3.0, 5.0, RATE)


def test_18_half_or_less_of_the_declared_length_is_truncated(tmp_path, params):
    assert [one.reason for one in outcome(tmp_path, params, noise(2), length="0:09")["rejected"]] == ["truncated"]


def test_19_captions_that_a_dump_brings_along_are_kept_under_their_captioners_name(tmp_path, params):
    head = "i,url,source,recordist,species_common,species_scientific,caption,caption2\n"
    line = "7,https://xeno-canto.org/9,Xeno-canto,Ada,Wren,Troglodytes troglodytes,A wren sings,A wren\n"
    source = save(
        tmp_path / "in",
        {"a.csv": head + line, "licences.csv": "id,license\nxeno_canto:XC9,CC BY 4.0\n", "audio/x": "x"},
    )
    soundfile.write(tmp_path / "in/audio/7.wav", noise(1), RATE)
    row = dump_row("animalspeak_release")
    ingest("d", row, params.ingest, source, tmp_path / "m", tmp_path / "s" / "d", Machine(workers=1))
    (one,) = rows(tmp_path / "m/recordings.parquet", Recording)
    assert (one.recording_id, one.source_recording) == ("animalspeak_release:7", "xeno_canto:XC9")
    captions = rows(tmp_path / "m/captions.parquet", Caption)
    assert [(one.text, one.captioner, one.kind) for one in captions] == [
        ("A wren sings", "animalspeak-2023", "descriptive"),
        ("A wren", "animalspeak-2023", "descriptive"),
    ]


@pytest.mark.parametrize("archive", ARCHIVES)
def test_21_a_folder_of_something_else_is_refused_in_one_line(tmp_path, archive):
    source = save(tmp_path, {"letter.txt": "Dear Sir", "notes/a.md": "no dump"})
    with pytest.raises(ValueError) as caught:
        adapter(archive).inspect(source, dump_row(archive, "own"))
    assert "\n" not in str(caught.value) and str(tmp_path) in str(caught.value)


def test_every_adapter_can_be_read_twice_with_the_same_result(tmp_path):
    source = page(tmp_path)
    one, other = (list(xeno_canto.read(source, dump_row("xeno_canto"))) for _ in range(2))
    assert one == other
