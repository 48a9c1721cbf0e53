"""Every file of the real samples is read, refused with a reason, or known to be no dump; a new sample must be placed here."""

import csv
import json
import re

import pytest

from biolingual.archives import animal_sound_archive, darwin_core, inaturalist, xeno_canto
from biolingual.archives.audioset import segments
from biolingual.archives.audioset_ontology import ANIMALS, Ontology
from biolingual.audio import UndecodableError
from biolingual.foreign_audio import decode_any
from biolingual.storage import list_files
from biolingual.taxonomy import resolve
from tests.archives.made_dumps import dump_row, save

PLACES = {  # which test reads the files of that name
    r"README\.md|.*description\.rst": "told in words",
    r"audioset/ontology\.json": "test_audioset: 73 nodes",
    r"audioset/class_labels.*": "below",
    r"audioset/dcase.*": "below",
    r"checklistbank_col/.*|gbif_api_pygbif/.*": "below: names and keys of lookups, no dump",
    r"dwca_python-dwca-reader/.*": "test_darwin_core_archive, and below",
    r"ebird/.*": "test_taxonomy: every row",
    r"inaturalist_api/obs_sound\.wav": "test_audio, and below",
    r"inaturalist_api/v\d/.*": "below, and test_inaturalist_pages: answers of the API",
    r"tierstimmenarchiv/query_page\.json": "test_animal_sound_archive",
    r"tierstimmenarchiv/abcd206_images\.xml": "below: BioCASe, no dump",
    r"xeno-canto/.*": "test_xeno_canto",
}
READERS = {
    "xeno_canto": xeno_canto,
    "inaturalist": inaturalist,
    "darwin_core": darwin_core,
    "animal_sound_archive": animal_sound_archive,
}


def test_every_sample_has_its_place(shared):
    names = [name for name, _ in list_files(str(shared / "archives"))]
    assert [name for name in names if not any(re.fullmatch(f"(.*/)?(?:{form})", name) for form in PLACES)] == []


@pytest.mark.parametrize("archive", ["xeno_canto", "animal_sound_archive", "inaturalist"])
def test_of_every_json_answer_only_the_archives_own_pages_are_read(shared, tmp_path, archive):
    """An answer of another service under pages/ is one clear error, never an empty dump."""
    own = {
        "xeno_canto": "xeno-canto/xc_v3_[ps]",
        "animal_sound_archive": "tierstimmenarchiv/query",
        "inaturalist": "inaturalist_api/v(1/get_observation_with_sounds|2/sounds_page_with_dirt)",
    }[archive]
    read, refused = [], []
    for number, (name, url) in enumerate(list_files(str(shared / "archives"))):
        if not name.endswith(".json") or name.startswith("audioset/"):
            continue
        with open(url, "rb") as file:
            source = save(tmp_path / str(number), {"pages/page-0001.json": file.read()})
        try:
            found = list(READERS[archive].read(source, dump_row(archive)))
            # A bare array of another service: each of its entries is a row with its reason.
            (read if any(not one.problem for one in found) else refused).append(name)
        except ValueError as error:
            assert "page-0001.json" in str(error)
            refused.append(name)
    assert read and all(re.match(own, name) for name in read) and len(refused) >= 20


@pytest.mark.parametrize("archive", ["inaturalist", "darwin_core"])
def test_no_sample_archive_holds_sounds_and_each_is_refused_in_a_line(shared, archive):
    for name, url in list_files(str(shared / "archives")):
        if name.endswith((".zip", ".tgz", ".dwc", ".xml", ".json")):
            with pytest.raises(ValueError) as caught:
                READERS[archive].inspect(url, dump_row(archive))
            assert "\n" not in str(caught.value)


def test_every_labelled_animal_class_of_audioset_is_one_of_the_subtree(shared):
    ontology = Ontology(str(shared / "archives/audioset/ontology.json"))
    with (shared / "archives/audioset/class_labels_indices.csv").open(encoding="utf-8") as lines:
        classes = {row["mid"]: row["display_name"] for row in csv.DictReader(lines)}
    animals = {mid for mid in classes if ontology.is_animal([mid])}
    assert len(classes) == 527 and {"/m/0bt9lr", "/m/09ld4", "/m/032n05"} <= animals
    assert all(ontology.labels([mid]).name == ANIMALS[mid] for mid in animals & set(ANIMALS))


def test_a_list_of_another_form_labels_nothing_and_loses_no_line(shared):
    url = str(shared / "archives/audioset/dcase_groundtruth_weak_label_testing_set.csv")
    with open(url) as file:
        lines = sum(1 for line in file if line.strip())
    found = list(segments(url))
    assert len(found) == lines and all(one.problem for one in found)


def test_the_accepted_names_of_the_recorded_lookups_are_species(shared):
    answers = json.loads((shared / "archives/checklistbank_col/match_responses.excerpt.json").read_text())["responses"]
    classification = answers[0]["response"]["usage"]["classification"]
    assert (classification[0]["id"], resolve(classification[0]["label"]).scientific_name) == (
        "763KT",
        "Parkesia motacilla",
    )


def test_the_real_sound_of_the_samples_decodes(shared):
    try:
        sound = decode_any((shared / "archives/inaturalist_api/obs_sound.wav").read_bytes())
    except UndecodableError as error:
        pytest.fail(str(error))
    assert (sound.sample_rate_hz, sound.channels) == (16000, 1)
