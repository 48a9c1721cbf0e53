"""Every noun survives a table and a file, and equal rows give equal bytes."""

import dataclasses
import typing

import pyarrow as pa
import pytest

from biolingual.records import BenchmarkItem, Caption, Clip, Pair, PairCaption, Recording, Rejected
from biolingual.tabular import read_json, read_table, rows, schema, table, write_json, write_rows

NOUNS = [Recording, Clip, Caption, PairCaption, Pair, Rejected, BenchmarkItem]


def example(noun: type, number: int) -> object:
    """A row whose every field holds another value than its neighbours' and than its default."""
    values = {}
    for position, (name, hint) in enumerate(typing.get_type_hints(noun).items()):
        if hint is str:
            values[name] = f"{name} {number} é×\r\n"
        elif hint == list[str]:
            values[name] = [f"{name} {i}" for i in range(number)]
        elif typing.get_origin(hint) is list:
            values[name] = [example(typing.get_args(hint)[0], i) for i in range(number)]
        elif hint in (int, int | None):
            values[name] = 1000 * number + position
        else:
            values[name] = 1000 * number + position + 0.25
    return noun(**values)


@pytest.mark.parametrize("noun", NOUNS)
def test_rows_come_back_from_a_file_as_they_went_in(noun, tmp_path):
    given = [example(noun, number) for number in range(3)]
    write_rows(given, noun, tmp_path / "rows.parquet")
    assert rows(tmp_path / "rows.parquet", noun) == given


@pytest.mark.parametrize("noun", NOUNS)
def test_the_schema_names_the_nouns_fields_in_their_order(noun):
    assert schema(noun).names == [field.name for field in dataclasses.fields(noun)]


def test_a_table_without_rows_keeps_its_schema(tmp_path):
    write_rows([], Pair, tmp_path / "pairs.parquet")
    assert read_table(tmp_path / "pairs.parquet", Pair).schema.equals(schema(Pair))


def test_nested_captions_come_back_as_pair_captions():
    pair = example(Pair, 2)
    (back,) = rows(table([pair], Pair), Pair)
    assert [type(caption) for caption in back.captions] == [PairCaption, PairCaption]
    assert back.captions == pair.captions


def test_an_unknown_number_stays_none_and_unknown_text_stays_empty(tmp_path):
    given = Recording(recording_id="folder:a/1.wav", origin="real", dump="a", archive="folder")
    write_rows([given], Recording, tmp_path / "recordings.parquet")
    (back,) = rows(tmp_path / "recordings.parquet", Recording)
    assert (back.latitude, back.channels, back.sex, back.background_species) == (None, None, "", [])


def test_text_that_is_none_is_refused(tmp_path):
    row = Rejected(recording_id="a", dump="d", stage="ingest", reason=None)
    with pytest.raises(pa.ArrowInvalid, match=r"reason.*non-nullable"):
        write_rows([row], Rejected, tmp_path / "rejected.parquet")


def test_equal_rows_give_equal_bytes(tmp_path):
    for name in ("one", "two"):
        write_rows([example(Pair, number) for number in range(20)], Pair, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_other_rows_give_other_bytes(tmp_path):
    for number, name in enumerate(("one", "two")):
        write_rows([example(Pair, number)], Pair, tmp_path / name)
    assert (tmp_path / "one").read_bytes() != (tmp_path / "two").read_bytes()


def test_a_file_of_another_noun_is_refused_with_the_columns_that_differ(tmp_path):
    path = tmp_path / "captions.parquet"
    write_rows([example(Caption, 1)], Caption, path)
    with pytest.raises(ValueError, match=r"captions\.parquet does not hold Clip rows.*'clip_id'.*Re-run its stage"):
        rows(path, Clip)


def test_nothing_but_the_file_is_left_after_writing(tmp_path):
    write_rows([example(Clip, 1)], Clip, tmp_path / "clips.parquet")
    write_json({"passed": True}, tmp_path / "gate.json")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clips.parquet", "gate.json"]


def test_a_write_that_fails_leaves_the_former_file(tmp_path):
    path = tmp_path / "clips.parquet"
    write_rows([example(Clip, 1)], Clip, path)
    before = path.read_bytes()
    with pytest.raises(pa.ArrowInvalid):
        write_rows([dataclasses.replace(example(Clip, 2), clip_id=None)], Clip, path)
    assert path.read_bytes() == before


def test_json_comes_back_with_its_letters_readable(tmp_path):
    path = tmp_path / "deep" / "card.json"
    write_json({"name": "José", "counts": [1, 2]}, path)
    assert read_json(path) == {"name": "José", "counts": [1, 2]}
    assert "José" in path.read_text(encoding="utf-8")


def test_a_file_that_is_not_json_is_named(tmp_path):
    (tmp_path / "card.json").write_text("{half")
    with pytest.raises(ValueError, match=r"card\.json is not JSON"):
        read_json(tmp_path / "card.json")
