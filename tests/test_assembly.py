"""The join, the duplicates, and the split that no later dump can move."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biolingual import assembly
from biolingual.assembly import Dump, read_dump
from biolingual.dataset import card
from biolingual.dataset.overlaps import Overlap
from biolingual.duplicates import Duplicate
from biolingual.params import AssembleParams
from biolingual.records import SPLITS, Caption, Clip, Pair, Recording, Rejected
from biolingual.splits import cell_of, is_held_out, split_of, splits_of, unit
from biolingual.storage import file_digests
from biolingual.tabular import read_json, rows, table, write_json, write_rows
from tests.made_pairs import RULE

PARAMS = RULE.model_copy(update={"fingerprints": "all"})
DATES = [f"2024-{month:02d}-{day:02d}" for month in range(1, 13) for day in range(1, 29)]


def recording(name: str, archive: str = "xeno_canto", **fields: object) -> Recording:
    """A recording with an id and audio of its own; a Dusky Velar by Ada unless told otherwise."""
    values = {
        "recording_id": f"{archive}:{name}",
        "origin": "real",
        "dump": "d",
        "archive": archive,
        "scientific_name": "Velara umbrosa",
        "common_name": "Dusky Velar",
        "genus": "Velara",
        "family": "Velaridae",
        "order": "Velariformes",
        "class_": "Aves",
        "rank": "species",
        "recorded_by": "Ada",
        "event_date": "2024-05-01",
        "license": "CC0 1.0",
        "audio_sha256": f"sound of {archive}:{name}",
    }
    return Recording(**{**values, **fields})


def date_in(split: str, skip: int = 0) -> str:
    """A date on which Ada's recordings fall into `split`."""
    return [date for date in DATES if split_of(recording("any", event_date=date), PARAMS) == split][skip]


def clip(one: Recording, number: int = 0) -> Clip:
    return Clip(
        clip_id=f"{one.recording_id}#{number}",
        recording_id=one.recording_id,
        offset_s=2.0 * number,
        duration_s=2.0,
        shard="shard-00000.tar",
        shard_sha256="0" * 64,
        shard_md5="0" * 32,
        byte_offset=512,
        byte_length=1000,
        activity=0.5,
    )


def caption(one: Recording, status: str = "ok") -> Caption:
    return Caption(recording_id=one.recording_id, kind="common", text="A caption.", status=status, captioner="template")


def tables(name: str, recordings: list[Recording], clips: list[Clip], captions: list[Caption]) -> Dump:
    return Dump(name, table(recordings, Recording), table(clips, Clip), table(captions, Caption))


def dump(name: str, *recordings: Recording) -> Dump:
    return tables(name, list(recordings), [clip(one) for one in recordings], [caption(one) for one in recordings])


def assemble(dumps: list[Dump], params: AssembleParams, *further: list) -> tuple[list[Pair], list[Rejected]]:
    """What assembly makes of dumps, as rows."""
    made = assembly.assemble(dumps, params, *further)
    return rows(made.pairs(), Pair), rows(made.rejected, Rejected)


def taken(pairs: list[Pair]) -> dict[str, str]:
    return {pair.recording_id: pair.split for pair in pairs}


def refused(rejected: list[Rejected]) -> dict[str, str]:
    return {row.recording_id: row.reason for row in rejected}


def test_a_unit_is_a_number_from_0_to_1_that_its_words_and_seed_decide():
    drawn = [unit(1, "cell", str(i)) for i in range(2000)]
    assert 0 <= min(drawn) < 0.01 and 0.99 < max(drawn) < 1 and abs(sum(drawn) / 2000 - 0.5) < 0.03
    assert unit(1, "cell", "7") == drawn[7] and unit(2, "cell", "7") != drawn[7]
    assert unit(1, "ab", "c") != unit(1, "a", "bc")


def test_a_cell_is_the_recordist_the_day_and_the_place_to_a_tenth_of_a_degree():
    one = recording("1", latitude=45.123, longitude=-8.06)
    assert cell_of(one) == "Ada|2024-05-01|45.1,-8.1"
    assert cell_of(dataclasses.replace(one, latitude=45.149)) == cell_of(one)


def test_without_coordinates_the_place_is_its_name():
    assert cell_of(recording("1", locality_coarse="Lake Orrin")) == "Ada|2024-05-01|Lake Orrin"


def test_where_the_recordist_is_unknown_the_cell_is_the_source_recording():
    cuts = [recording(name, recorded_by="", source_recording="714199") for name in ("1", "2")]
    assert [cell_of(one) for one in cuts] == ["source|714199"] * 2


def test_where_nothing_is_known_each_recording_is_its_own_cell():
    assert cell_of(recording("1", recorded_by="")) == "source|xeno_canto:1"


@pytest.mark.parametrize("taxon", ["Velara umbrosa", "Velara", "Velaridae", "Velariformes", "Aves"])
def test_a_taxon_is_held_out_by_its_name_at_any_rank(taxon):
    params = PARAMS.model_copy(update={"held_out": [taxon]})
    assert is_held_out(recording("1"), params)
    assert split_of(recording("1"), params) == "test_unseen"


def test_what_is_not_named_is_not_held_out():
    assert not is_held_out(recording("1"), PARAMS)


def test_species_are_held_out_by_hash_in_about_the_share_asked_for():
    params = PARAMS.model_copy(update={"held_out_species_share": 0.2})
    drawn = [is_held_out(recording("1", scientific_name=f"Genus species{i}"), params) for i in range(1000)]
    assert 150 < sum(drawn) < 250


def test_only_species_are_drawn_by_hash():
    params = PARAMS.model_copy(update={"held_out_species_share": 0.99})
    assert is_held_out(recording("1"), params)
    assert not is_held_out(recording("1", rank="family"), params)


def test_the_splits_have_about_the_shares_asked_for():
    splits = [split_of(recording("1", recorded_by=f"Ada {i}"), PARAMS) for i in range(2000)]
    shares = {split: splits.count(split) / 2000 for split in ("train", "valid", "test_seen")}
    assert shares == pytest.approx({"train": 0.6, "valid": 0.1, "test_seen": 0.3}, abs=0.04)


def test_recordings_of_one_cell_fall_into_one_split():
    for date in DATES[:20]:
        day = [recording(name, event_date=date, scientific_name=f"Velara sp{name}", behavior=name) for name in "abc"]
        assert len({split_of(one, PARAMS) for one in day}) == 1


def test_a_recording_becomes_one_pair_for_each_clip_with_its_captions():
    one = recording("1", event_date=date_in("train"))
    captions = [caption(one), dataclasses.replace(caption(one), kind="scientific", text="Another one.")]
    pairs, rejected = assemble([tables("d", [one], [clip(one, 1), clip(one, 0)], captions)], PARAMS)
    assert rejected == []
    assert [(pair.clip_id, pair.offset_s, pair.split) for pair in pairs] == [
        ("xeno_canto:1#0", 0.0, "train"),
        ("xeno_canto:1#1", 2.0, "train"),
    ]
    assert [[text.text for text in pair.captions] for pair in pairs] == [["A caption.", "Another one."]] * 2


def test_a_pair_keeps_the_provenance_of_its_recording():
    one = recording("1", rights_holder="Ada Marr", country="Veldonia", latitude=1.5, longitude=2.5, url="https://x")
    (pair,), _ = assemble([dump("d", one)], PARAMS)
    for name in ("rights_holder", "country", "latitude", "longitude", "url", "license", "audio_sha256", "class_"):
        assert getattr(pair, name) == getattr(one, name)
    assert (pair.duration_s, pair.cell) == (2.0, cell_of(one))


def test_a_recording_whose_captions_are_all_refused_is_rejected():
    one = recording("1")
    pairs, rejected = assemble([tables("d", [one], [clip(one)], [caption(one, "refused")])], PARAMS)
    assert pairs == [] and refused(rejected) == {"xeno_canto:1": "no_caption"}


def test_of_a_recordings_captions_the_refused_ones_are_left_out():
    one = recording("1")
    (pair,), _ = assemble(
        [tables("d", [one], [clip(one)], [caption(one, "refused"), caption(one, "fallback")])], PARAMS
    )
    assert [text.status for text in pair.captions] == ["fallback"]


def test_the_same_id_in_a_later_dump_is_a_duplicate():
    one = recording("1")
    pairs, rejected = assemble([dump("first", one), dump("second", dataclasses.replace(one, dump="second"))], PARAMS)
    assert [pair.dump for pair in pairs] == ["d"]
    assert [(row.dump, row.stage, row.reason, row.detail) for row in rejected] == [
        ("second", "assemble", "duplicate_id", "xeno_canto:1")
    ]


def test_the_same_audio_under_another_id_is_a_duplicate():
    one, other = recording("1"), recording("1", archive="inaturalist", audio_sha256="sound of xeno_canto:1")
    pairs, rejected = assemble([dump("first", one), dump("second", other)], PARAMS)
    assert list(taken(pairs)) == ["xeno_canto:1"] and refused(rejected) == {"inaturalist:1": "duplicate_audio"}


def test_the_same_audio_that_would_fall_into_another_split_straddles():
    one = recording("1", event_date=date_in("train"))
    other = recording("2", event_date=date_in("test_seen"), audio_sha256=one.audio_sha256)
    pairs, rejected = assemble([dump("d", one, other)], PARAMS)
    assert taken(pairs) == {"xeno_canto:1": "train"}
    assert [(row.recording_id, row.reason) for row in rejected] == [("xeno_canto:2", "straddles")]
    assert "lies in train, this one would fall in test_seen" in rejected[0].detail


def test_a_second_cut_of_a_recording_that_would_fall_into_another_split_straddles():
    one = recording("1", source_recording="714199", event_date=date_in("train"))
    other = recording("2", source_recording="714199", event_date=date_in("valid"))
    assert refused(assemble([dump("d", one, other)], PARAMS)[1]) == {"xeno_canto:2": "straddles"}


def test_two_cuts_of_a_recording_in_one_split_are_both_taken():
    one = recording("1", source_recording="714199", event_date=date_in("train"))
    other = recording("2", source_recording="714199", event_date=date_in("train", skip=1))
    pairs, rejected = assemble([dump("d", one, other)], PARAMS)
    assert len(taken(pairs)) == 2 and rejected == []


def test_a_cut_and_its_original_never_lie_in_two_splits():
    original = recording("XC1", event_date=date_in("train"))
    cut = recording("2", archive="folder", source_recording="xeno_canto:XC1", event_date=date_in("test_seen"))
    for pair in ((original, cut), (cut, original)):
        assert [one.reason for one in assemble([dump("d", *pair)], PARAMS)[1]] == ["straddles"]


def test_the_number_of_a_source_recording_counts_within_its_archive_alone():
    one = recording("1", source_recording="7", event_date=date_in("train"))
    other = recording("1", archive="inaturalist", source_recording="7", event_date=date_in("test_seen"))
    assert assemble([dump("d", one, other)], PARAMS)[1] == []


def test_what_was_rejected_keeps_no_other_recording_out():
    one = recording("1")
    first = tables("first", [one], [clip(one)], [])
    pairs, rejected = assemble([first, dump("second", one)], PARAMS)
    assert list(taken(pairs)) == ["xeno_canto:1"] and [row.reason for row in rejected] == ["no_caption"]


# Twelve recordings, some of one sound, one id or one source, in six dumps.
MANY = [
    dump(
        f"dump-{number}",
        *(
            recording(
                f"{name}",
                archive=("xeno_canto", "inaturalist")[name % 2],
                event_date=DATES[5 * name],
                audio_sha256=f"sound {name % 9}",
                source_recording="7" if name in (2, 4) else "",
                genus="Sibilax" if name == 3 else "Velara",
                scientific_name="Velara minor" if name % 2 else "Velara umbrosa",
                country="Veldonia" if name % 5 == 0 else "",
            )
            for name in (number, number + 6, (number + 1) % 6)
        ),
    )
    for number in range(6)
]


@settings(max_examples=40, deadline=None)
@given(dumps=st.permutations(MANY), kept=st.integers(1, 6))
def test_neither_the_order_nor_the_number_of_dumps_moves_a_recording_to_another_split(dumps, kept):
    alone = {one.recording_id: split_of(one, PARAMS) for each in MANY for one in rows(each.recordings, Recording)}
    pairs, rejected = assemble(dumps[:kept], PARAMS)
    assert pairs and taken(pairs).items() <= alone.items()
    assert len(taken(pairs)) + len(rejected) == 3 * kept


@settings(max_examples=40, deadline=None)
@given(dumps=st.permutations(MANY))
def test_no_sound_and_no_source_lies_in_two_splits(dumps):
    pairs, _ = assemble(dumps, PARAMS)
    sources = {one.recording_id: one.source_recording for each in MANY for one in rows(each.recordings, Recording)}
    for keys in ({pair.audio_sha256 for pair in pairs}, {source for source in sources.values() if source}):
        for key in keys:
            splits = {pair.split for pair in pairs if key in (pair.audio_sha256, sources[pair.recording_id])}
            assert len(splits) <= 1


@settings(max_examples=40, deadline=None)
@given(dumps=st.permutations(MANY), kept=st.integers(1, 5))
def test_with_every_rule_switched_on_later_dumps_add_to_the_earlier_ones_and_move_nothing(dumps, kept):
    rules = {"rare": ["Velara minor"], "held_out_regions": ["Veldonia"], "max_recordings_per_species": 3}
    params = PARAMS.model_copy(update={**rules, "max_recordings_per_recordist": 2})
    alone = {one.recording_id: split_of(one, params) for each in MANY for one in rows(each.recordings, Recording)}
    before, after = (taken(assemble(some, params)[0]) for some in (dumps[:kept], dumps))
    assert before.items() <= after.items() <= alone.items()
    assert {"test_region", "test_rare"} <= set(alone.values())


def test_a_later_dump_leaves_the_pairs_of_the_earlier_ones_as_they_are():
    before, _ = assemble(MANY[:3], PARAMS)
    after, _ = assemble(MANY, PARAMS)
    assert len(after) > len(before) and {pair.clip_id for pair in before} <= {pair.clip_id for pair in after}
    assert [pair for pair in after if pair.clip_id in {one.clip_id for one in before}] == before


@pytest.fixture
def house(tmp_path):
    """manifests/ and captions/ of one dump of two recordings, as the stages write them."""
    one, two = recording("1", event_date=date_in("train")), recording("2", genus="Sibilax", origin="simulated")
    made = dump("d", one, two)
    folder = tmp_path / "manifests" / "d"
    for noun, part, name in ((Recording, made.recordings, "recordings"), (Clip, made.clips, "clips")):
        write_rows(rows(part, noun), noun, folder / f"{name}.parquet")
    write_rows(rows(made.captions, Caption), Caption, tmp_path / "captions" / "d.parquet")
    counts = {"archive": "xeno_canto", "origin": "real", "digest": "sha256:1", "recordings": 2, "rejected": 5}
    write_json(counts, folder / "ingest.json")
    return tmp_path, made


def written(folder, made: Dump, name: str = "out") -> dict:
    made = assembly.assemble([made], PARAMS)
    none = table([], Overlap)
    return card.write(made, ["d"], folder / "manifests", folder / "captions", folder / name, {}, none)


def test_a_dump_is_read_back_from_its_tables(house):
    folder, made = house
    read = read_dump("d", folder / "manifests", folder / "captions")
    assert read.recordings.equals(made.recordings.select(read.recordings.schema.names))
    assert read.clips.equals(made.clips) and read.captions.equals(made.captions)


def test_a_table_that_is_another_noun_is_refused_by_name(house):
    folder, _ = house
    (folder / "manifests/d/clips.parquet").replace(folder / "manifests/d/recordings.parquet")
    with pytest.raises(ValueError, match=r"recordings.parquet does not hold Recording rows"):
        read_dump("d", folder / "manifests", folder / "captions")


def test_the_card_counts_and_pins_what_went_in_and_what_came_out(house):
    folder, made = house
    found = written(folder, made)
    assert (found["recordings"], found["clips"], found["rejected"]) == (2, 2, {})
    assert found["dataset_sha"] == file_digests(str(folder / "out/pairs.parquet"))[0]
    assert found["dumps"]["d"]["captions_sha"] == file_digests(str(folder / "captions/d.parquet"))[0]
    real, simulated = (found["by_origin"][origin] for origin in ("real", "simulated"))
    assert real["recordings"] == {one: int(one == "train") for one in SPLITS} == real["species"]
    assert simulated["recordings"] == {one: int(one == "test_unseen") for one in SPLITS}
    assert (real["licences"], real["archives"], real["hours"]["train"]) == ({"CC0 1.0": 1}, {"xeno_canto": 1}, 0.001)
    assert read_json(folder / "out/card.json") == found
    assert rows(folder / "out/pairs.parquet", Pair) == assemble([made], PARAMS)[0]


def test_two_runs_write_the_same_bytes(house):
    folder, made = house
    for name in ("one", "two"):
        written(folder, made, name)
    for file in ("pairs.parquet", "rejected.parquet", "card.json"):
        assert (folder / "one" / file).read_bytes() == (folder / "two" / file).read_bytes()


def test_pairs_made_in_small_batches_are_those_made_at_once():
    made = assembly.assemble(MANY, PARAMS)
    assert [one for part in made.batches(3) for one in part.to_pylist()] == made.pairs().to_pylist()


def test_no_dump_is_an_empty_dataset():
    made = assembly.assemble([], PARAMS)
    assert made.pairs().num_rows == made.rejected.num_rows == 0


def with_params(**values: object) -> AssembleParams:
    return PARAMS.model_copy(update=values)


@pytest.mark.parametrize("region", ["Veldonia", "44,-9,46,-8"])
def test_recordings_of_a_held_out_region_are_test_region(region):
    there = recording("1", country="Veldonia", latitude=45.1, longitude=-8.1)
    here = recording("2", country="Ostria", latitude=46.2, longitude=-8.1)
    params = with_params(held_out_regions=[region])
    assert split_of(there, params) == "test_region" and split_of(here, params) == split_of(here, PARAMS)


def test_a_held_out_species_is_unseen_wherever_it_was_recorded():
    assert split_of(recording("1", genus="Sibilax", country="V"), with_params(held_out_regions=["V"])) == "test_unseen"


def test_a_region_that_is_neither_country_nor_box_is_refused():
    with pytest.raises(ValueError, match=r"'1,2,x,4' is no 'south,west,north,east'"):
        split_of(recording("1"), with_params(held_out_regions=["1,2,x,4"]))


def test_of_a_rare_species_few_days_stay_in_train_and_its_tests_are_test_rare():
    params = with_params(rare=["Velara umbrosa"])
    before = [split_of(recording("1", event_date=date, recorded_by=who), PARAMS) for date in DATES for who in "ab"]
    after = [split_of(recording("1", event_date=date, recorded_by=who), params) for date in DATES for who in "ab"]
    moves = {(one, other) for one, other in zip(before, after, strict=True)}
    assert moves == {("train", "train"), ("train", "test_rare"), ("test_seen", "test_rare"), ("valid", "valid")}
    assert 0.1 < after.count("train") / before.count("train") < 0.3


def test_a_rare_species_moves_no_other():
    other = [recording("1", event_date=date, scientific_name="Velara minor") for date in DATES]
    params = with_params(rare=["Velara umbrosa"])
    assert [split_of(one, params) for one in other] == [split_of(one, PARAMS) for one in other]


def test_rare_species_are_drawn_by_hash_in_about_the_share_asked_for():
    params = with_params(rare_species_share=0.3, rare_train_share=0.0)
    drawn = [
        split_of(recording("1", scientific_name=f"A b{n}", event_date=date_in("train")), params) for n in range(500)
    ]
    assert set(drawn) == {"train", "test_rare"} and 0.22 < drawn.count("test_rare") / 500 < 0.38


def test_the_splits_of_a_table_are_those_of_its_rows_one_by_one():
    params = with_params(held_out_regions=["0,0,10,10", "Ostria"], rare=["Velara minor"], held_out_species_share=0.2)
    many = [
        recording(
            str(n),
            scientific_name=("Velara umbrosa", "Velara minor", f"Velara sp{n}")[n % 3],
            genus=("Velara", "Sibilax")[n % 7 == 0],
            recorded_by=("", "Ada", "Bo")[n % 3],
            event_date=DATES[n],
            country=("", "Ostria")[n % 11 == 0],
            latitude=None if n % 4 else n / 3,
            longitude=None if n % 4 else n / 5,
        )
        for n in range(300)
    ]
    cells, splits = splits_of(table(many, Recording), params)
    assert cells == [cell_of(one) for one in many] and splits == [split_of(one, params) for one in many]
    assert len(set(splits)) == 6


def test_a_cell_on_the_border_of_a_held_out_region_lies_on_one_side():
    inside = recording("1", event_date=date_in("train"), country="Veldonia", latitude=1.0, longitude=1.0)
    outside = dataclasses.replace(inside, recording_id="xeno_canto:2", country="", audio_sha256="2")
    rejected = assemble([dump("d", inside, outside)], with_params(held_out_regions=["Veldonia"]))[1]
    assert [(one.recording_id, one.reason) for one in rejected] == [("xeno_canto:2", "straddles")]


def in_train(count: int, **fields: object) -> list[Recording]:
    return [recording(str(n), event_date=date_in("train"), **fields) for n in range(count)]


def test_more_recordings_of_a_species_than_the_cap_leave_train():
    _, rejected = assemble([dump("d", *in_train(9))], with_params(max_recordings_per_species=4))
    assert set(refused(rejected).values()) == {"species_cap"} and len(rejected) == 5


def test_the_cap_of_a_recordist_counts_each_species_and_each_person_alone():
    many = [*in_train(6), *[recording(f"b{n}", archive="folder", recorded_by=f"P{n}") for n in range(60)]]
    pairs, rejected = assemble([dump("d", *many)], with_params(max_recordings_per_recordist=4))
    assert set(refused(rejected).values()) == {"recordist_cap"} and len(rejected) == 2 and len(taken(pairs)) == 64


def test_a_cap_takes_from_later_dumps_and_never_from_tests():
    first, second = in_train(3), [recording(f"b{n}", archive="folder", event_date=date_in("train")) for n in range(3)]
    tests = [recording(f"t{n}", archive="folder", event_date=date_in("test_seen")) for n in range(9)]
    capped = with_params(max_recordings_per_species=4)
    pairs, rejected = assemble([dump("one", *first), dump("two", *second, *tests)], capped)
    assert {one.recording_id for one in first} | {one.recording_id for one in tests} <= set(taken(pairs))
    assert [one.dump for one in rejected] == ["two", "two"]


def test_sounds_that_are_alike_are_duplicates_or_straddle():
    one, other = recording("1", event_date=date_in("train")), recording("2", event_date=date_in("train"))
    far = recording("3", event_date=date_in("test_seen"))
    alike = [Duplicate(f"xeno_canto:{name}", "xeno_canto:1", "fingerprint", 0.9) for name in (2, 3)]
    _, rejected = assemble([dump("d", one, other, far)], PARAMS, [], alike)
    assert refused(rejected) == {"xeno_canto:2": "duplicate_fingerprint", "xeno_canto:3": "straddles"}


def test_a_part_of_a_recording_stays_in_its_split_and_nowhere_else():
    one, part = recording("1", event_date=date_in("train")), recording("2", event_date=date_in("train"))
    far = recording("3", event_date=date_in("test_seen"))
    alike = [Duplicate(f"xeno_canto:{name}", "xeno_canto:1", "overlap", 0.9) for name in (2, 3)]
    _, rejected = assemble([dump("d", one, part, far)], PARAMS, [], alike)
    assert refused(rejected) == {"xeno_canto:3": "straddles"}


def test_what_a_benchmark_holds_leaves_train_and_stays_in_tests():
    learnt, asked = recording("1", event_date=date_in("train")), recording("2", event_date=date_in("test_seen"))
    met = [
        Overlap(recording_id=one.recording_id, task="cbi", item_id="cbi:a.wav", item_split="test", key="audio")
        for one in (learnt, asked)
    ]
    pairs, rejected = assemble([dump("d", learnt, asked)], PARAMS, met)
    assert taken(pairs) == {"xeno_canto:2": "test_seen"}
    assert [(one.reason, one.detail) for one in rejected] == [("benchmark_overlap", "audio of cbi:a.wav")]
