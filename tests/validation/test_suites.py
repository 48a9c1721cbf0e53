"""The gate: green on a sound dataset, and for each planted fault red in exactly that expectation, with the row's id."""

import dataclasses
from collections.abc import Callable
from functools import cache

import pytest

from biolingual.dataset.overlaps import Overlap
from biolingual.params import ValidateParams
from biolingual.records import Pair, PairCaption
from biolingual.splits import Rule
from biolingual.tabular import table
from biolingual.validation import suites
from biolingual.validation.suites import Finding, as_report, failing
from tests.made_pairs import RULE as CUT

PARAMS = ValidateParams(
    min_recordings=10,
    min_train_species=3,
    max_rejected_share=0.4,
    max_caption_chars=60,
    max_caption_share=0.4,
    min_train_share=0.3,
    max_species_share=0.5,
    max_fallback_share=0.1,
    max_noncommercial_share=0.5,
    max_uncredited_share=0.0,
    max_unresolved_share=0.5,
    max_genera_in_two_families=0,
    min_source_rate_hz=1000,
    max_source_rate_hz=500_000,
    min_benchmarks=1,
    max_shared_days_share=0.3,
    max_still_share=0.1,
)
RULE = CUT.model_copy(update={"valid_share": 0.2, "held_out": ["Orunda"], "held_out_regions": ["Farland"]})
SPECIES = {
    "Velara umbrosa": "Dusky Velar",
    "Ziza acuta": "Sharp Zizz",
    "Mugo silvaticus": "Forest Mugo",
    "Orunda palustris": "Marsh Orund",  # held out
}
SUITES = (
    *("recordings", "captions", "pairs", "splits", "licences", "taxonomy", "audio quality", "leakage", "dataset"),
)
COMPARED = {"items": 9, "compared": {"audio": 9}, "found": {"audio": 0}, "left": 0}
OWN_TESTS = {"recordings": 4, "audio": 0, "source_id": 0}
SPLIT_OF_DAY = ("train", "train", "valid", "test_seen")


@cache
def day_in(split: str, skip: int) -> str:
    """A day on which what Ada records at Lake Orrin falls into a split."""
    days = [f"2024-{month:02d}-{day:02d}" for month in range(1, 13) for day in range(1, 29)]
    drawn = [one for one in days if Rule(RULE).draw(f"Ada|{one}|Lake Orrin")[0] < 1]
    return [one for one in drawn if split_of_cell(f"Ada|{one}|Lake Orrin") == split][skip]


def split_of_cell(cell: str) -> str:
    draw = Rule(RULE).draw(cell)[0]
    return "test_seen" if draw < RULE.test_share else "valid" if draw < RULE.test_share + RULE.valid_share else "train"


def pair(species: str, day: int, number: int = 0) -> Pair:
    """Clip `number` of what one recordist heard of a species on one day."""
    common, name = SPECIES[species], f"simulated:xeno_canto:{species.split()[0]}-{day}"
    texts = {"common": f"The sound of a {common}.", "scientific": f"The sound of {species}."}
    date = day_in(SPLIT_OF_DAY[day], day)
    return Pair(
        clip_id=f"{name}#{number}",
        recording_id=name,
        origin="simulated",
        dump="d",
        archive="xeno_canto",
        split="test_unseen" if species == "Orunda palustris" else SPLIT_OF_DAY[day],
        cell=f"Ada|{date}|Lake Orrin",
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
        locality_coarse="Lake Orrin",
        latitude=None,
        longitude=None,
        event_date=date,
        source_sample_rate_hz=48000,
        audio_sha256=f"sound of {name}",
        url="",
        offset_s=2.0 * number,
        duration_s=2.0,
        activity=0.5,
        shard="shard-00000.tar",
        shard_sha256="0" * 64,
        shard_md5="0" * 32,
        byte_offset=512 + 1024 * (100 * list(SPECIES).index(species) + 10 * day + number),
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
        "leakage": {"benchmarks": {"cbi": COMPARED}, "own_tests": {"test_seen": {**OWN_TESTS, "recordist_day": 1}}},
    }
    return pairs, card


def check(pairs: list[Pair], card: dict, params: ValidateParams, overlaps: list[Overlap] = ()) -> list[Finding]:
    """What the gate finds in these rows."""
    whole = table(pairs, Pair)
    return suites.check(whole.select, card, table(overlaps, Overlap), params, RULE)


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
    one = next(one for one in pairs if one.recording_id == ROW)
    pairs.append(dataclasses.replace(one, byte_offset=900_000))


def told_otherwise(pairs: list[Pair], card: dict) -> None:
    one = pairs[0]
    other = dataclasses.replace(one, clip_id=f"{one.recording_id}#9", byte_offset=900_000, license="CC0 1.0")
    pairs.append(other)
    card["dumps"]["d"]["recordings"] += 1  # seen as two, which the counts do not tell of


def on_the_first(pairs: list[Pair], card: dict) -> None:
    spoilt(byte_offset=pairs[0].byte_offset)(pairs, card)


def known_by_its_genus_alone(genus: str) -> Callable:
    """Every recording of a genus loses the rank of a species."""

    def plant(pairs: list[Pair], card: dict) -> None:
        pairs[:] = [dataclasses.replace(one, rank="genus") if one.genus == genus else one for one in pairs]

    return plant


def joined(**changes: object) -> Callable:
    """A recording of a species that is there already, beside the others."""

    def plant(pairs: list[Pair], card: dict) -> None:
        one = dataclasses.replace(pair("Orunda palustris", 0), clip_id=f"{NEW}#0", recording_id=NEW, audio_sha256="new")
        pairs.append(dataclasses.replace(one, byte_offset=900_000, **changes))
        card["dumps"]["d"]["recordings"] += 1

    return plant


def shared(field: str, *rows: str) -> Callable:
    """Some recordings get one value of a field."""

    def plant(pairs: list[Pair], card: dict) -> None:
        pairs[:] = [dataclasses.replace(one, **{field: "same"}) if one.recording_id in rows else one for one in pairs]

    return plant


def told(**leakage: dict) -> Callable:
    return lambda pairs, card: card["leakage"].update(leakage)


def learnt_from_a_benchmark(pairs: list[Pair], card: dict) -> list[Overlap]:
    return [Overlap(recording_id=ROW, task="cbi", item_id="cbi:a.wav", item_split="test", key="fingerprint")]


NEW = "simulated:xeno_canto:new"
DAY = day_in("train", 1)
OTHER = next(
    cell for who in ("Bo", "Cy", "Di", "Ed") if split_of_cell(cell := f"{who}|{DAY}|Lake Orrin") not in ("valid", "")
)
ODD = "Ada|2024-13-01|Lake Orrin"
ALONE = f"source|{ROW}"
SHA = "abcdef012345"
CLIP = f"{ROW}#0"
SET, MATCH, WITHIN = "values_to_be_in_set", "values_to_match_regex", "values_to_be_between"
NOT = "values_to_not_match_regex(text)"
BY_NOBODY = PairCaption(kind="common", text="A Forest Mugo.", status="ok", captioner="")
TWICE = [PairCaption(kind="common", text="A Forest Mugo.", status="ok", captioner="t")] * 2
MARSH = [PairCaption(kind="common", text="A Marsh Orund.", status="ok", captioner="template")]
ZIZA = {"genus": "Ziza", "scientific_name": "Ziza acuta", "captions": MARSH}
FAULTS = {  # (suite, expectation) -> {fault: (how to plant it, ids of the rows that break it)}
    ("recordings", "values_to_be_unique(recording_id)"): {
        "told in two ways": (told_otherwise, "simulated:xeno_canto:Velara-0")
    },
    ("recordings", f"{SET}(origin)"): {
        "none": (spoilt(origin="mixed", recording_id="x:1", clip_id="x:1#0"), "x:1"),
    },
    ("recordings", f"{SET}(id_tells_origin)"): {
        "a real id": (spoilt(recording_id="xeno_canto:XC1", clip_id="xeno_canto:XC1#0"), "xeno_canto:XC1")
    },
    ("recordings", f"{SET}(has_a_name)"): {
        "no name": (spoilt(scientific_name="", common_name="", rank="", genus=""), ROW)
    },
    ("recordings", f"{SET}(has_captions)"): {"no caption": (spoilt(captions=[]), ROW)},
    ("recordings", f"{SET}(is_of_a_dump)"): {"an unknown dump": (spoilt(dump="e"), ROW)},
    ("recordings", f"{WITHIN}(latitude)"): {"too far north": (spoilt(latitude=91.5), ROW)},
    ("recordings", f"{WITHIN}(longitude)"): {"too far west": (spoilt(longitude=-181.0), ROW)},
    ("recordings", f"{MATCH}(event_date)"): {
        "month 13": (spoilt(event_date="2024-13-01", cell=ODD, split=split_of_cell(ODD)), ROW)
    },
    ("captions", NOT): {
        "markup": (captioned("A <b>sound</b> of a Forest Mugo."), ROW),
        "an address": (captioned("A Forest Mugo: https://x.org"), ROW),
        "a refusal": (captioned("I'm sorry, no Forest Mugo."), ROW),
    },
    ("captions", "value_lengths_to_be_between(text)"): {"too long": (captioned("A Forest Mugo, " * 5 + "."), ROW)},
    ("captions", f"{MATCH}(text)"): {"a blank at the end": (captioned("A Forest Mugo. "), ROW)},
    ("captions", f"{SET}(kind)"): {"none": (captioned("A Forest Mugo.", kind="poetic"), ROW)},
    ("captions", f"{SET}(status)"): {"refused": (captioned("A Forest Mugo.", status="refused"), ROW)},
    ("captions", f"{SET}(names_its_species)"): {"another's name": (captioned("A Sharp Zizz."), ROW)},
    ("captions", f"{MATCH}(captioner)"): {"nobody's": (spoilt(captions=[BY_NOBODY]), ROW)},
    ("captions", f"{SET}(is_told_once)"): {"twice": (spoilt(captions=TWICE), ROW)},
    ("pairs", "values_to_be_unique(clip_id)"): {"twice": (repeated, CLIP)},
    ("pairs", f"{SET}(is_of_its_recording)"): {"another's": (spoilt(clip_id="x#0"), "x#0")},
    ("pairs", f"{WITHIN}(duration_s)"): {"no length": (spoilt(duration_s=0.0), CLIP)},
    ("pairs", f"{WITHIN}(offset_s)"): {"before its recording": (spoilt(offset_s=-1.0), CLIP)},
    ("pairs", f"{WITHIN}(activity)"): {"above one": (spoilt(activity=1.5), CLIP)},
    ("pairs", f"{WITHIN}(byte_length)"): {"no bytes": (spoilt(byte_length=0), CLIP)},
    ("pairs", f"{WITHIN}(byte_offset)"): {"in the header": (spoilt(byte_offset=0), CLIP)},
    ("pairs", f"{SET}(lies_alone)"): {"on another's bytes": (on_the_first, ["simulated:xeno_canto:Velara-0#0", CLIP])},
    ("pairs", f"{MATCH}(shard_sha256)"): {"no hash": (spoilt(shard_sha256=""), CLIP)},
    ("pairs", f"{MATCH}(shard_md5)"): {"no address": (spoilt(shard_md5="0"), CLIP)},
    ("splits", f"{SET}(split)"): {"none": (spoilt(split="test", recorded_by="Bo", cell=f"Bo|{DAY}|Lake Orrin"), ROW)},
    ("splits", f"{SET}(split_is_the_rules)"): {
        "moved": (spoilt(split="valid", recorded_by=OTHER.split("|")[0], cell=OTHER), ROW)
    },
    ("splits", f"{SET}(cell_is_the_rules)"): {"another's": (spoilt(cell="Ada|2024-01-01|"), ROW)},
    ("licences", f"{MATCH}(license)"): {"none": (spoilt(license=" "), ROW)},
    ("licences", f"{SET}(is_a_known_licence)"): {"unknown": (spoilt(license="ask me"), ROW)},
    ("licences", f"{SET}(allows_clips)"): {"no derivatives": (spoilt(license="CC BY-ND 4.0"), ROW)},
    ("licences", f"{SET}(can_be_attributed)"): {
        "nobody": (spoilt(recorded_by="", rights_holder="", cell=ALONE, split=split_of_cell(ALONE)), ROW)
    },
    ("taxonomy", f"{SET}(rank)"): {"none": (spoilt(rank="tribe"), ROW)},
    ("taxonomy", f"{SET}(is_a_binomial)"): {"one word": (spoilt(scientific_name="Mugo"), ROW)},
    ("taxonomy", f"{SET}(is_of_its_genus)"): {"another genus": (spoilt(genus="Ziza"), ROW)},
    ("audio quality", f"{MATCH}(audio_sha256)"): {"no hash": (spoilt(audio_sha256=""), ROW)},
    ("audio quality", f"{WITHIN}(source_sample_rate_hz)"): {"7 Hz": (spoilt(source_sample_rate_hz=7), ROW)},
    ("audio quality", f"{SET}(sounds_once)"): {
        "two ids": (shared("audio_sha256", ROW, "simulated:xeno_canto:Ziza-3"), [ROW, "simulated:xeno_canto:Ziza-3"])
    },
    ("leakage", f"{SET}(is_in_no_benchmark)"): {"held by one": (learnt_from_a_benchmark, ROW)},
    ("dataset", f"{WITHIN}(cells_in_two_splits)"): {
        "on a border": (
            joined(split="test_region", country="Farland", **ZIZA),
            SHA,
        )
    },
    ("dataset", f"{WITHIN}(sources_in_two_splits)"): {
        "cuts": (shared("source_recording", "simulated:xeno_canto:Ziza-0", "simulated:xeno_canto:Ziza-3"), SHA)
    },
    ("dataset", f"{WITHIN}(train_species)"): {"genera": (known_by_its_genus_alone("Ziza"), SHA)},
    ("dataset", f"{WITHIN}(held_out_species_in_train)"): {"lost its genus": (joined(genus="", split="train"), SHA)},
    ("dataset", f"{WITHIN}(records_unaccounted_for)"): {
        "one lost": (counted(recordings=18), SHA),
        "one too many": (counted(recordings=16), SHA),
    },
    ("dataset", f"{WITHIN}(benchmarks)"): {"none compared": (told(benchmarks={}), SHA)},
    ("dataset", f"{WITHIN}(shared_days_share)"): {
        "half of them": (told(own_tests={"test_seen": {**OWN_TESTS, "recordist_day": 2}}), SHA)
    },
    ("dataset", f"{WITHIN}(genera_in_two_families)"): {"one": (spoilt(family="Zizidae"), SHA)},
}
ONE_BY_ONE = [(*key, fault) for key, faults in FAULTS.items() for fault in faults]
THRESHOLDS = {  # a value that the sound dataset just fails -> the expectation
    ("min_recordings", 17): "recordings",
    ("min_train_species", 4): "train_species",
    ("max_rejected_share", 0.19): "rejected_share",  # 4 of 20
    ("max_caption_share", 0.24): "top_caption_share",  # 4 of 16
    ("min_train_share", 0.4): "train_share",  # 6 of 16
    ("max_species_share", 0.3): "top_species_share",  # 2 of 6
}
SHARES = {  # what is spoilt in one row, and the threshold it breaks
    "max_fallback_share": captioned("A Forest Mugo.", status="fallback"),
    "max_noncommercial_share": spoilt(license="CC BY-NC 4.0"),
    "max_unresolved_share": spoilt(checklist=""),
    "max_still_share": spoilt(activity=0.0),
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
    assert list(dict.fromkeys(one.suite for one in green)) == list(SUITES)
    assert 30 <= len(green) <= 60


def test_every_expectation_has_a_fault_planted_for_it(green):
    named = [*THRESHOLDS.values(), *(name.removeprefix("max_") for name in SHARES)]
    planted = {*FAULTS, *(("dataset", f"{WITHIN}({column})") for column in named)}
    assert {(one.suite, one.expectation.removeprefix("expect_column_")) for one in green} == planted


@pytest.mark.usefixtures("green")
@pytest.mark.parametrize(("suite", "expectation", "fault"), ONE_BY_ONE)
def test_a_planted_fault_turns_exactly_its_expectation_red(suite, expectation, fault):
    plant, row = FAULTS[suite, expectation][fault]
    pairs, card = dataset()
    overlaps = plant(pairs, card) or []
    rows = tuple(sorted(row)) if isinstance(row, list) else (row,)
    assert red(check(pairs, card, PARAMS, overlaps)) == {(suite, expectation, rows)}


@pytest.mark.usefixtures("green")
@pytest.mark.parametrize("threshold", SHARES)
def test_a_share_above_its_threshold_turns_exactly_its_expectation_red(threshold):
    pairs, card = dataset()
    SHARES[threshold](pairs, card)
    found = check(pairs, card, PARAMS.model_copy(update={threshold: 0.0}))
    assert red(found) == {("dataset", f"{WITHIN}({threshold.removeprefix('max_')})", (SHA,))}


def test_all_failing_rows_are_listed_beside_the_sample():
    found = failing([finding(True, []), finding(False, ["a", "b"])]).to_pylist()
    assert [(one["suite"], one["id"]) for one in found] == [("recordings", "a"), ("recordings", "b")]


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
