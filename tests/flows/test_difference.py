"""Two versions by their git revisions: what changed, in words, JSON, a table and a page; a moved split is an error."""

import dataclasses
import json

import pyarrow.parquet as pq
import pytest

from biolingual.dataset.difference import difference as differ
from biolingual.dataset.difference import text
from biolingual.records import Pair, PairCaption
from biolingual.tabular import write_rows
from tests.flows.lineage_world import World
from tests.made_pairs import pair
from tests.small_world import ROOT, run


def said(words: str) -> list[PairCaption]:
    return [PairCaption(kind="common", text=words, status="ok", captioner="template")]


BEFORE = [
    pair("x:1", "Parus major", license="CC0 1.0", captions=said("a"), duration_s=1800.0, archive="x"),
    pair("x:1", "Parus major", clip=1, license="CC0 1.0", captions=said("a"), duration_s=1800.0, archive="x"),
    *(pair(f"x:{n}", "Pica pica", captions=said("b"), duration_s=3600.0, archive="x") for n in range(2, 6)),
]


def changed(at: int, **values: object) -> list[Pair]:
    return [dataclasses.replace(one, **values) if one.recording_id == f"x:{at}" else one for one in BEFORE]


def report(tmp_path, after: list[Pair]) -> dict:
    for name, rows in (("before", BEFORE), ("after", after)):
        write_rows(rows, Pair, tmp_path / f"{name}.parquet")
    return differ(tmp_path / "before.parquet", tmp_path / "after.parquet")[0]


def test_a_version_does_not_differ_from_itself(tmp_path):
    found = report(tmp_path, BEFORE)
    assert [found[one] for one in ("added", "removed", "relicensed", "renamed", "recaptioned", "moved")] == [0] * 6
    assert found["hours"] == {"before": 5.0, "after": 5.0} and "no recording moved" in text(found)


@pytest.mark.parametrize(
    ("change", "values"),
    [
        ("relicensed", {"license": "CC BY 4.0"}),
        ("renamed", {"scientific_name": "Pica hudsonia"}),
        ("recaptioned", {"captions": said("c")}),
        ("moved", {"split": "valid"}),
    ],
)
def test_each_kind_of_change_is_counted_alone(tmp_path, change, values):
    found = report(tmp_path, changed(3, **values))
    counts = {one: found[one] for one in ("added", "removed", "relicensed", "renamed", "recaptioned", "moved")}
    assert counts == {**dict.fromkeys(counts, 0), change: 1} and found["shown"][change] == ["x:3"]


def test_added_and_removed_recordings_bring_and_take_species_and_hours(tmp_path):
    new = pair("y:1", "Corvus corax", split="test_seen", captions=said("d"), duration_s=7200.0, archive="y")
    found = report(tmp_path, [*BEFORE[2:], new])
    assert (found["added"], found["removed"], found["species_gained"], found["species_lost"]) == (
        1,
        1,
        ["Corvus corax"],
        ["Parus major"],
    )
    assert found["hours"] == {"before": 5.0, "after": 6.0} and found["added_by"]["split"] == {"test_seen": 1}


def test_all_that_differs_is_in_the_table_with_both_values(tmp_path):
    write_rows(BEFORE, Pair, tmp_path / "a.parquet")
    write_rows(changed(3, license="CC BY 4.0"), Pair, tmp_path / "b.parquet")
    (row,) = differ(tmp_path / "a.parquet", tmp_path / "b.parquet")[1].to_pylist()
    assert row == {"recording_id": "x:3", "change": "relicensed", "before": "", "after": "CC BY 4.0"}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Two committed versions: of one dump, then of two."""
    world = World(tmp_path_factory.mktemp("versions")).start()
    world.ingest("a-1")
    world.build()
    world.commit("animalspeak@v0.1.0")
    world.ingest("b-1")
    world.build()
    world.commit("animalspeak@v0.2.0")
    return world


def flows(world, *words: str):
    return run(world.root, "python", "-m", "flows", "dataset", *words, PYTHONPATH=str(ROOT))


def test_two_tags_are_compared_from_the_cache(world):
    (world.root / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    done = flows(world, "diff", "animalspeak@v0.1.0", "animalspeak@v0.2.0", "--out", "build/d.json")
    assert done.returncode == 0, done.stderr
    assert "recordings  10 -> 20: 10 added, 0 removed" in done.stdout and "no recording moved" in done.stdout
    told = json.loads((world.root / "build/d.json").read_text())
    assert (told["before"], told["after"]) == ("animalspeak@v0.1.0", "animalspeak@v0.2.0")
    assert pq.read_table(world.root / "build/d.parquet").num_rows == 10
    assert "No recording moved" in (world.root / "build/d.html").read_text()


def test_an_unknown_revision_is_one_line(world):
    done = flows(world, "diff", "animalspeak@v9.9.9", ".")
    assert done.returncode == 1 and "git knows no revision 'animalspeak@v9.9.9'" in done.stderr
    assert "Traceback" not in done.stderr
