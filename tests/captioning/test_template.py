"""Captions from structured fields: which sentences, in which order, and the refusal."""

import pytest

from biolingual.captioning import captioner
from biolingual.captioning.sentences import captions
from biolingual.records import CAPTION_KINDS, CAPTION_STATUSES, Caption, Recording


def written(**fields: str) -> list[tuple[str, str]]:
    """(kind, text) of the captions of a recording with the given fields."""
    return [(one.kind, one.text) for one in captions(recording(**fields))]


def recording(**fields: str) -> Recording:
    return Recording(recording_id="folder:a/1.wav", origin="real", dump="a", archive="folder", **fields)


def test_both_names_and_the_behaviour_give_four_captions_the_most_telling_first():
    fields = {"common_name": "Dusky Velar", "scientific_name": "Velara umbrosa", "behavior": "alarm call"}
    assert written(**fields) == [
        ("common", "Alarm call of a Dusky Velar."),
        ("scientific", "Alarm call of Velara umbrosa."),
        ("common", "The sound of a Dusky Velar."),
        ("scientific", "The sound of Velara umbrosa."),
    ]


def test_without_a_behaviour_there_is_one_caption_for_each_name():
    assert written(common_name="Evening Querl", scientific_name="Querulax vespertinus") == [
        ("common", "The sound of an Evening Querl."),
        ("scientific", "The sound of Querulax vespertinus."),
    ]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"common_name": "bat"}, [("common", "The sound of a bat.")]),
        ({"scientific_name": "Chiroptera"}, [("scientific", "The sound of Chiroptera.")]),
    ],
)
def test_one_name_alone_is_enough(fields, expected):
    assert written(**fields) == expected


def test_the_behaviour_keeps_its_own_letters_after_the_first():
    assert written(common_name="Great Tit", behavior="song, type B")[0][1] == "Song, type B of a Great Tit."


def test_a_recording_without_a_name_gets_one_refused_row():
    (one,) = captions(recording(behavior="song"))
    assert (one.status, one.reason, one.text) == ("refused", "no_name", "")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("taxonomic", "The sound of Aves Passeriformes Paridae Parus major."),
        ("background", "The sound of a Great Tit, with Turdus merula and Strix aluco in the background."),
    ],
)
def test_further_kinds_are_written_where_they_are_asked_for(kind, expected):
    one = recording(
        common_name="Great Tit", scientific_name="Parus major", class_="Aves", order="Passeriformes", family="Paridae",
        background_species=["Turdus merula", "Strix aluco"],
    )  # fmt: skip
    assert (kind, expected) in [(found.kind, found.text) for found in captions(one, ["common", kind])]


def test_a_recording_with_none_of_the_kinds_names_gets_the_name_it_has():
    assert [one.kind for one in captions(recording(common_name="bat"), ["scientific", "taxonomic"])] == ["common"]


def test_every_caption_says_whose_it_is_and_who_wrote_it():
    for one in captions(recording(common_name="Great Tit", behavior="song")):
        assert isinstance(one, Caption)
        assert (one.recording_id, one.captioner, one.status) == ("folder:a/1.wav", "template", "ok")
        assert one.kind in CAPTION_KINDS and one.status in CAPTION_STATUSES


def test_the_captioner_is_found_by_its_name():
    assert captioner("template").__name__ == "biolingual.captioning.template"


def test_an_unknown_captioner_is_refused_with_the_known_ones():
    with pytest.raises(
        ValueError, match=r"captioner 'gpt' is unknown\. Known: template.*caption\.captioner in params\.yaml"
    ):
        captioner("gpt")
