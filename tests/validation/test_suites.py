"""The gate: green on a sound dataset, and for each planted fault red in exactly that expectation, with the row's id."""

import dataclasses
from collections.abc import Callable

import pytest

from biolingual.params import ValidateParams
from biolingual.records import Pair, PairCaption
from biolingual.validation.suites import Finding, as_report, check

PARAMS = ValidateParams(
    min_recordings=10, min_train_species=3, max_rejected_share=0.4, max_caption_chars=60, max_caption_share=0.4
)
SPECIES = {
    "Velara umbrosa": "Dusky Velar",
    "Ziza acuta": "Sharp Zizz",
    "Mugo silvaticus": "Forest Mugo",
    "Orunda palustris": "Marsh Orund",  # held out
}
SPLIT_OF_DAY = ("train", "train", "valid", "test_seen")


def pair(species: str, day: int, number: int = 0) -> Pair:
    """Clip `number` of what one recordist heard of a species on one day."""
    common, name = SPECIES[species], f"simulated:xeno_canto:{species.split()[0]}-{day}"
    texts = {"common": f"The sound of a {common}.", "scientific": f"The sound of {species}."}
    return Pair(
        clip_id=f"{name}#{number}",
        recording_id=name,
        origin="simulated",
        dump="d",
        archive="xeno_canto",
        split="test_unseen" if species == "Orunda palustris" else SPLIT_OF_DAY[day],
        cell=f"Ada|2024-05-{day + 1:02d}|Lake Orrin",
        captions=[PairCaption(kind=kind, text=text, status="ok", captioner="template") for kind, text in texts.items()],
        scientific_name=species,
        common_name=common,
        rank="species",
        kingdom="Animalia",
        phylum="Chordata",
        class_="Aves",
        order="Velariformes",
        family="Velaridae",
        genus=species.split()[0],
        checklist="simulated",
        behavior="song",
        background_species=[],
        recorded_by="Ada",
        rights_holder="Ada",
        license="CC BY 4.0",
        country="Veldonia",
        latitude=None if day == 0 else 45.0,
        longitude=None if day == 0 else -8.0,
        event_date=f"2024-05-{day + 1:02d}",
        source_sample_rate_hz=48000,
        audio_sha256=f"sound of {name}",
        url="",
        offset_s=2.0 * number,
        duration_s=2.0,
        activity=0.5,
        shard="shard-00000.tar",
        shard_sha256="0" * 64,
        shard_md5="0" * 32,
        byte_offset=512,
        byte_length=1000,
    )


def dataset() -> tuple[list[Pair], dict]:
    """(pairs, card): sixteen recordings, one of them of two clips, and four that were rejected."""
    pairs = [pair(species, day) for species in SPECIES for day in range(4)]
    pairs.insert(1, pair("Velara umbrosa", 0, number=1))
    card = {
        "dataset_sha": "abcdef012345" + "0" * 52,
        "dumps": {"d": {"recordings": 17, "rejected": 3}},
        "recordings": 16,
        "clips": 17,
        "rejected": {"duplicate_audio": 1},
    }
    return pairs, card


ROW = "simulated:xeno_canto:Mugo-1"  # the recording that is spoilt


def spoilt(**changes: object) -> Callable:
    """Changes the fields of one recording."""

    def plant(pairs: list[Pair], card: dict) -> None:
        (at,) = [i for i, one in enumerate(pairs) if one.recording_id == ROW]
        pairs[at] = dataclasses.replace(pairs[at], **changes)

    return plant


def captioned(text: str, kind: str = "common", status: str = "ok") -> Callable:
    return spoilt(captions=[PairCaption(kind=kind, text=text, status=status, captioner="template")])


def counted(**dump: int) -> Callable:
    return lambda pairs, card: card["dumps"]["d"].update(dump)


def repeated(pairs: list[Pair], card: dict) -> None:
    pairs.append(next(one for one in pairs if one.recording_id == ROW))


def known_by_its_genus_alone(genus: str) -> Callable:
    """Every recording of a genus loses the rank of a species."""

    def plant(pairs: list[Pair], card: dict) -> None:
        pairs[:] = [dataclasses.replace(one, rank="genus") if one.genus == genus else one for one in pairs]

    return plant


def held_out(species: str) -> Callable:
    """A recording of a trained species in test_unseen."""

    def plant(pairs: list[Pair], card: dict) -> None:
        (at,) = [i for i, one in enumerate(pairs) if one.recording_id == f"simulated:xeno_canto:{species}-3"]
        pairs[at] = dataclasses.replace(pairs[at], split="test_unseen")

    return plant


SHA = "abcdef012345"
CLIP = f"{ROW}#0"
SET, MATCH, WITHIN = "values_to_be_in_set", "values_to_match_regex", "values_to_be_between"
FAULTS = {  # fault -> (how to plant it, suite, expectation, id of the row that breaks it)
    "an origin that is none": (spoilt(origin="mixed", recording_id="x:1"), "recordings", f"{SET}(origin)", "x:1"),
    "a real id on a simulated sound": (
        spoilt(recording_id="xeno_canto:XC1"),
        "recordings",
        f"{SET}(id_tells_origin)",
        "xeno_canto:XC1",
    ),
    "no name": (spoilt(scientific_name="", common_name=""), "recordings", f"{SET}(has_a_name)", ROW),
    "no licence": (spoilt(license=" "), "recordings", f"{MATCH}(license)", ROW),
    "a latitude out of range": (spoilt(latitude=91.5), "recordings", f"{WITHIN}(latitude)", ROW),
    "a longitude out of range": (spoilt(longitude=-181.0), "recordings", f"{WITHIN}(longitude)", ROW),
    "a split that is none": (spoilt(split="test", cell="Bo|2024-05-02|"), "recordings", f"{SET}(split)", ROW),
    "markup": (captioned("A <b>sound</b> of a Forest Mugo."), "captions", "values_to_not_match_regex(text)", ROW),
    "an address": (captioned("A Forest Mugo: https://x.org"), "captions", "values_to_not_match_regex(text)", ROW),
    "too long a caption": (captioned("A Forest Mugo " * 5), "captions", "value_lengths_to_be_between(text)", ROW),
    "a kind that is none": (captioned("A Forest Mugo.", kind="poetic"), "captions", f"{SET}(kind)", ROW),
    "a refused caption": (captioned("A Forest Mugo.", status="refused"), "captions", f"{SET}(status)", ROW),
    "another species' name": (captioned("A Sharp Zizz."), "captions", f"{SET}(names_its_species)", ROW),
    "a clip that stands twice": (repeated, "pairs", "values_to_be_unique(clip_id)", CLIP),
    "a clip without length": (spoilt(duration_s=0.0), "pairs", f"{WITHIN}(duration_s)", CLIP),
    "a clip before its recording": (spoilt(offset_s=-1.0), "pairs", f"{WITHIN}(offset_s)", CLIP),
    "an activity above one": (spoilt(activity=1.5), "pairs", f"{WITHIN}(activity)", CLIP),
    "a clip without bytes": (spoilt(byte_length=0), "pairs", f"{WITHIN}(byte_length)", CLIP),
    "a shard without a hash": (spoilt(shard_sha256=""), "pairs", f"{MATCH}(shard_sha256)", CLIP),
    "a recordist-day in two splits": (
        spoilt(cell="Ada|2024-05-04|Lake Orrin"),
        "dataset",
        f"{WITHIN}(cells_in_two_splits)",
        SHA,
    ),
    "a sound in two splits": (
        spoilt(audio_sha256="sound of simulated:xeno_canto:Ziza-3"),
        "dataset",
        f"{WITHIN}(sounds_in_two_splits)",
        SHA,
    ),
    "a species known by its genus alone": (
        known_by_its_genus_alone("Ziza"),
        "dataset",
        f"{WITHIN}(train_species)",
        SHA,
    ),
    "a trained species held out": (held_out("Ziza"), "dataset", f"{WITHIN}(held_out_species_in_train)", SHA),
    "a lost record": (counted(recordings=18), "dataset", f"{WITHIN}(records_unaccounted_for)", SHA),
    "a record too many": (counted(recordings=16), "dataset", f"{WITHIN}(records_unaccounted_for)", SHA),
}
THRESHOLDS = {  # a value that the sound dataset just fails -> the expectation
    ("min_recordings", 17): "recordings",
    ("min_train_species", 4): "train_species",
    ("max_rejected_share", 0.19): "rejected_share",  # 4 of 20
    ("max_caption_share", 0.24): "top_caption_share",  # 4 of 16
}


@pytest.fixture(scope="module")
def green() -> list[Finding]:
    """The findings of the sound dataset; pays for the import of Great Expectations."""
    return check(*dataset(), PARAMS)


def red(findings: list[Finding]) -> set[tuple[str, str, tuple[str, ...]]]:
    """(suite, expectation, ids of the failing rows) of every expectation that is broken."""
    return {
        (one.suite, one.expectation.removeprefix("expect_column_"), tuple(sorted(set(one.failing))))
        for one in findings
        if not one.passed
    }


def test_a_sound_dataset_is_green(green):
    assert [(one.expectation, one.observed) for one in green if not one.passed] == []
    assert list(dict.fromkeys(one.suite for one in green)) == ["recordings", "captions", "pairs", "dataset"]


@pytest.mark.usefixtures("green")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_turns_exactly_its_expectation_red(fault):
    plant, suite, expectation, row = FAULTS[fault]
    pairs, card = dataset()
    plant(pairs, card)
    assert red(check(pairs, card, PARAMS)) == {(suite, expectation, (row,))}


@pytest.mark.usefixtures("green")
@pytest.mark.parametrize(("threshold", "column"), THRESHOLDS.items())
def test_a_threshold_that_is_missed_turns_exactly_its_expectation_red(threshold, column):
    name, value = threshold
    found = check(*dataset(), PARAMS.model_copy(update={name: value}))
    assert red(found) == {("dataset", f"{WITHIN}({column})", (SHA,))}


def test_a_finding_says_why_it_matters_and_shows_the_value():
    pairs, card = dataset()
    spoilt(latitude=91.5)(pairs, card)
    (one,) = [one for one in check(pairs, card, PARAMS) if not one.passed]
    assert (one.why, one.observed) == ("a latitude is in range", "1 of 16 rows break it")
    assert one.shown == [f"{ROW}: latitude = 91.5"]


@pytest.mark.usefixtures("green")
def test_an_empty_dataset_is_red():
    _, card = dataset()
    assert not all(one.passed for one in check([], {**card, "dumps": {}, "rejected": {}}, PARAMS))


def finding(passed: bool, failing: list[str]) -> Finding:
    return Finding("recordings", "expectation", "why", passed, "observed", failing, failing[:1])


def test_the_report_counts_what_is_broken_and_how_many_rows_break_it():
    _, card = dataset()
    report = as_report([finding(True, []), finding(False, ["a", "b"])], card)
    assert (report["passed"], report["expectations"], report["failed"]) == (False, 2, 1)
    assert [one["failing"] for one in report["findings"]] == [0, 2]
    assert (report["dataset_sha"], report["recordings"], report["clips"]) == (card["dataset_sha"], 16, 17)


def test_the_report_of_a_green_gate_has_passed():
    assert as_report([finding(True, [])], dataset()[1])["passed"] is True


def test_two_clips_of_one_recording_in_two_splits_turn_the_gate_red():
    pairs, card = dataset()
    torn = [*pairs, dataclasses.replace(pairs[0], clip_id="torn#1", split="valid")]
    red = {finding.expectation for finding in check(torn, card, PARAMS) if not finding.passed}
    assert "expect_column_values_to_be_unique(recording_id)" in red
