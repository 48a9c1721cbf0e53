"""AudioSet and AudioCaps: the animal subtree, the deny list, and clips from one's own folder."""

import json

import pytest

from biolingual.archives import audiocaps, audioset
from biolingual.archives.audioset_ontology import ANIMALS, BROAD, DENIED, SOUNDS, Ontology
from tests.archives.made_dumps import dump_row, save

ROW = dump_row("audioset", "own")
NODES = {
    "/m/0jbk": ["/m/068hy", "/m/0ch8v"],
    "/m/068hy": ["/m/0bt9lr", "/m/01yrx"],
    "/m/0bt9lr": ["/m/05tny_", "/m/0ghcn6"],
    "/m/01yrx": ["/m/07qrkrw", "/m/0ghcn6", "/m/07rjwbb"],
    "/m/0ch8v": ["/m/025rv6n"],
    "/m/025rv6n": ["/m/09b5t"],
    "/m/09b5t": [],
    "/m/09x0r": [],
}
ONTOLOGY = json.dumps([{"id": mid, "child_ids": children} for mid, children in NODES.items()])
SEGMENTS = "# Segments csv created Sun Mar  5 10:54:31 2017\n# num_ytids=1\n# YTID, start_seconds, end_seconds, positive_labels\n"


def test_the_animal_subtree_of_the_real_ontology_has_73_nodes_each_known_by_name_or_denied(shared):
    ontology = Ontology(str(shared / "archives/audioset/ontology.json"))
    subtree = ontology.below["/m/0jbk"] | {"/m/0jbk"}
    assert len(subtree) == 73
    assert subtree == set(DENIED) | BROAD | set(ANIMALS) | set(SOUNDS)


@pytest.mark.parametrize("mid", ["/m/0239kh", "/m/07rv9rh", "/m/07r4gkf", "/m/09x0r", "/m/none"])
def test_a_cowbell_a_hoof_and_speech_make_no_animal(shared, mid):
    assert not Ontology(str(shared / "archives/audioset/ontology.json")).is_animal([mid])


@pytest.fixture
def ontology(tmp_path) -> Ontology:
    return Ontology(save(tmp_path, {"ontology.json": ONTOLOGY}) + "/ontology.json")


@pytest.mark.parametrize(
    ("mids", "name", "others", "behavior"),
    [
        (["/m/0jbk", "/m/068hy", "/m/0bt9lr", "/m/05tny_"], "dog", [], "bark"),
        (["/m/07qrkrw"], "cat", [], "meow"),
        (["/m/0ghcn6"], "", [], "growling"),  # dogs growl and cats do
        (["/m/0jbk"], "", [], ""),
        (["/m/025rv6n", "/m/09b5t"], "chicken", [], ""),
        (["/m/0bt9lr", "/m/01yrx"], "dog", ["cat"], ""),
    ],
)
def test_the_most_particular_animal_is_named(ontology, mids, name, others, behavior):
    found = ontology.labels(mids)
    assert (found.name, found.others, found.behavior) == (name, others, behavior)


def dump(folder, lines: str, files: dict[str, str | bytes]) -> str:
    return save(folder, {"ontology.json": ONTOLOGY, "eval_segments.csv": SEGMENTS + lines, **files})


def test_only_animal_segments_are_read_and_ids_may_begin_with_a_dash(tmp_path):
    lines = '--PJHxphWEs, 30.000, 40.000, "/m/0bt9lr,/m/05tny_"\nabcdefghijk, 0.000, 10.000, "/m/09x0r"\n'
    (record,) = audioset.read(dump(tmp_path, lines, {"audio/--PJHxphWEs_30000.wav": b"x"}), ROW)
    assert (record.source_id, record.fields["common_name"]) == ("--PJHxphWEs_30000", "dog")
    assert record.audio.endswith("--PJHxphWEs_30000.wav") and record.fields["license_source"] == "own"


def test_a_broad_label_and_a_broken_line_are_rows_with_reasons(tmp_path):
    lines = 'abcdefghijk, 0.000, 10.000, "/m/0jbk"\nbroken line\n'
    found = list(audioset.read(dump(tmp_path, lines, {}), ROW))
    assert [record.problem for record in found] == ["label_too_broad", "malformed_row"]


def test_without_a_licence_neither_set_is_a_dump(tmp_path):
    source = dump(tmp_path, "", {"train.csv": "audiocap_id,youtube_id,start_time,caption\n"})
    for archive in (audioset, audiocaps):
        with pytest.raises(ValueError, match="gives no licence for its clips"):
            archive.inspect(source, dump_row("audioset"))


CAPTIONS = (
    "audiocap_id,youtube_id,start_time,caption\n"
    '1,--PJHxphWEs,30,A dog barks\n2,--PJHxphWEs,30,"A dog, barking"\n'
    "3,abcdefghijk,0,A man speaks\n4,zzzzzzzzzzz,5,Birds sing\n5,abcdefghijk,,No start\n"
)


def test_the_captions_of_a_clip_are_kept_together_and_clips_without_animals_left_out(tmp_path):
    lines = '--PJHxphWEs, 30.000, 40.000, "/m/0bt9lr"\nabcdefghijk, 0.000, 10.000, "/m/09x0r"\n'
    source = dump(tmp_path, lines, {"train.csv": CAPTIONS, "audio/--PJHxphWEs_30.flac": b"x"})
    found = {record.source_id: record for record in audiocaps.read(source, ROW)}
    dog = found.pop("--PJHxphWEs_30")
    assert (dog.captions, dog.captioner) == (("A dog barks", "A dog, barking"), "audiocaps")
    assert dog.audio and dog.fields["declared_duration_s"] == 10
    assert {name: record.problem for name, record in found.items()} == {
        "zzzzzzzzzzz_5": "no_labels",
        "train.csv:5": "malformed_row",
    }


def test_a_file_that_is_no_ontology_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"not AudioSet's ontology\.json"):
        Ontology(save(tmp_path, {"ontology.json": "{}"}) + "/ontology.json")
