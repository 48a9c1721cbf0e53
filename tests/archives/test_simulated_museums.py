"""The optional dumps of the made-up world, in the true forms of the Animal Sound Archive and of Watkins, through ingest."""

from pathlib import Path

import pytest

from biolingual.archives.simulated import World
from biolingual.archives.simulated_museums import record_number
from biolingual.ingestion import ingest
from biolingual.parallel import Machine
from biolingual.params import DumpRow, load
from biolingual.records import Recording, Rejected
from biolingual.tabular import rows
from tests.archives.made_dumps import REASONS

WORLD = World(7, 120)
DUMPS = ("animal_sound_archive-2026-01", "watkins-2026-01")
WITHHELD = {DUMPS[0]: "no_sound", DUMPS[1]: "audio_missing"}


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("museums")
    params = load(Path(__file__).parents[2] / "params.yaml").ingest
    for dump in DUMPS:
        archive = dump.partition("-")[0]
        licence = "LicenseRef-WHOI-Public" if archive == "watkins" else ""
        row = DumpRow(
            archive=archive, origin="simulated", source="", digest="", checklist="simulated-1", default_license=licence
        )
        WORLD.write(dump, folder / dump, Machine(workers=1))
        ingest(dump, row, params, str(folder / dump), folder / "m" / dump, folder / "s" / dump, Machine(workers=1))
    return folder


def id_of(item) -> str:
    if item.archive == "watkins":
        return f"simulated:watkins:{record_number(item)}"
    name = item.species.scientific_name.replace(" ", "_")
    return f"simulated:animal_sound_archive:TSA:{name}_DIG{item.index}"


@pytest.mark.parametrize("dump", DUMPS)
def test_every_recording_is_taken_or_refused_for_its_dirt_alone(house, dump):
    reasons = {**REASONS, "withheld": WITHHELD[dump]}
    expected = {id_of(item): reasons[item.dirt] for item in WORLD.dumps()[dump] if item.dirt in reasons}
    refused = {one.recording_id: one.reason for one in rows(house / "m" / dump / "rejected.parquet", Rejected)}
    taken = {one.recording_id for one in rows(house / "m" / dump / "recordings.parquet", Recording)}
    assert len(expected) >= 6 and refused == expected
    assert taken == {id_of(item) for item in WORLD.dumps()[dump]} - set(expected)


@pytest.mark.parametrize("dump", DUMPS)
def test_a_recording_tells_the_world_it_was_made_from(house, dump):
    taken = {one.recording_id: one for one in rows(house / "m" / dump / "recordings.parquet", Recording)}
    for item in WORLD.dumps()[dump]:
        if id_of(item) in taken:
            one = taken[id_of(item)]
            assert (one.scientific_name, one.behavior) == (item.species.scientific_name, item.behavior)
            assert (one.event_date, one.archive, one.dump) == (item.date, item.archive, dump)
            assert one.background_species == ([item.background.scientific_name] if item.background else [])
            assert one.source_sample_rate_hz == item.sample_rate_hz
            assert one.duration_s == pytest.approx(item.duration_s, abs=0.01)
            assert abs(one.declared_duration_s - item.duration_s) < 1


def test_whales_are_mammals_and_the_first_dumps_are_as_they_were():
    assert {item.species.group for item in WORLD.dumps()[DUMPS[1]]} == {"mammal"}
    assert len(WORLD.first) == 120


def test_the_museums_recordings_are_no_copies_of_the_others():
    indices = [{item.index for item in items} for items in WORLD.dumps().values()]
    assert not (indices[3] | indices[4]) & set().union(*indices[:3]) and not indices[3] & indices[4]
