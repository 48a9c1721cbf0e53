"""The captioner `simulated`: an answer for every remark of the simulated world, checked like a model's, never counted as one."""

from biolingual.archives.simulated import World
from biolingual.captioning import simulated
from biolingual.captioning.endpoint import Endpoint
from biolingual.records import PairCaption, Recording
from biolingual.training.selection import by_a_model


def recording(remarks: str, **fields: object) -> Recording:
    given = {
        "recording_id": "simulated:a:1",
        "origin": "simulated",
        "dump": "d",
        "archive": "xeno_canto",
        "behavior": "song",
    }
    names = {"common_name": "Dusky Velar", "scientific_name": "Velara umbrosa", "class_": "Aves"}
    return Recording(remarks=remarks, **given | names | fields)


def test_every_remark_of_the_world_has_an_answer_that_passes_the_checks(params):
    planned = World(params.simulate.seed, 400).first
    items = [
        recording(
            one.remarks,
            common_name=one.species.common_name,
            scientific_name=one.species.scientific_name,
            behavior=one.behavior,
            background_species=[one.background.scientific_name] if one.background else [],
        )
        for one in planned
    ]
    first = [rows[0] for rows in simulated.captions(items, params.caption, Endpoint())]
    assert {(one.kind, one.status, one.captioner) for one in first} == {("descriptive", "ok", "simulated")}
    assert len({one.text for one in first}) > 200


def test_an_answer_tells_what_no_structured_field_holds():
    one = recording(
        "A fast series of falling notes, the animal far off.\r\nGusts of wind.\r\nMud Plinker in the background."
    )
    assert simulated.answer(one) == (
        "A Dusky Velar gives its song, notes that fall in a fast series, in the distance, with gusts of wind and a Mud Plinker "
        "in the background."
    )


def test_remarks_of_another_world_fall_back_and_say_so(params):
    (rows,) = simulated.captions([recording("Loud song from a roof.")], params.caption, Endpoint())
    assert (rows[0].status, rows[0].reason, rows[0].captioner) == ("fallback", "no_recorded_answer", "template")


def test_its_captions_are_never_counted_as_a_language_models(params):
    (rows,) = simulated.captions(
        [recording("A fast series of falling notes, the animal far off.")], params.caption, Endpoint()
    )
    assert rows[0].captioner == "simulated"
    told = [PairCaption(kind=one.kind, text=one.text, status=one.status, captioner=one.captioner) for one in rows]
    assert not any(map(by_a_model, told))
