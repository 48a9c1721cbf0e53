"""The prompts: one file for each archive, examples that pass the project's own checks, and what their change makes stale."""

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from biolingual.archives import ARCHIVES
from biolingual.captioning import prompting
from biolingual.captioning.checks import faults
from biolingual.captioning.endpoint import Answer
from biolingual.records import Recording
from biolingual.tabular import write_rows
from tests.captioning.scripted_server import recordings
from tests.small_world import change_params, clone, dvc

PROMPTS = Path(prompting.__file__).parent / "prompts"


def test_every_archive_has_a_prompt_and_every_prompt_an_archive():
    assert {path.stem for path in PROMPTS.glob("*.yaml")} == set(ARCHIVES)


@pytest.mark.parametrize("archive", list(ARCHIVES))
def test_the_examples_pass_the_checks_that_answers_must_pass(archive):
    told = YAML(typ="safe").load((PROMPTS / f"{archive}.yaml").read_text())
    for example in told["examples"]:
        assert set(example["recording"]) <= {*told["fields"], "remarks"}
        one = Recording(recording_id="folder:e/1", origin="fixture", dump="e", archive=archive, **example["recording"])
        assert prompting.worth_asking(one)
        assert faults(example["caption"], one) == [], example["caption"]


def test_an_archive_without_a_prompt_is_told_which_file_to_write():
    with pytest.raises(ValueError, match=r"prompts/attic\.yaml"):
        prompting.prompt("attic")


def test_an_answer_is_read_out_of_other_words_and_only_with_its_own_id():
    (one,) = recordings(1)
    told = json.dumps({"id": prompting.short_id(one), "caption": " A  Great Tit\nsings. "})
    read = {
        told: ("A Great Tit sings.", []),
        f"Here: ```json\n{told}\n``` Done.": ("A Great Tit sings.", []),
        told.replace("r-", "q-"): ("", ["wrong_id"]),
        '{"caption": "A Great Tit sings."}': ("", ["wrong_id"]),
        '["A Great Tit sings."]': ("", ["not_json"]),
        told.replace('" A  Great Tit\\nsings. "', "7"): ("", ["not_json"]),
        "": ("", ["not_json"]),
    }
    for text, (caption, reasons) in read.items():
        found = prompting.caption_of(Answer(text, "stop", 1, 1), one)
        assert (found[0], [fault.reason for fault in found[1]]) == (caption, reasons), text
    assert prompting.caption_of(Answer(told, "length", 1, 1), one)[1][0].reason == "cut_off"


def test_changing_a_prompt_re_runs_only_the_caption_arms_that_use_it(tmp_path):
    project = clone(tmp_path / "project")
    change_params(project, {"caption": {"captioner": "simulated"}})
    dumps = {"xeno_canto-2026-01": "xeno_canto", "inaturalist-2026-01": "inaturalist"}
    for dump, archive in dumps.items():
        write_rows(recordings(2, archive=archive), Recording, project / f"data/manifests/{dump}/recordings.parquet")
        dvc(project, "repro", "--single-item", f"caption@{dump}")

    def stale() -> set[str]:
        told = dvc(project, "status", "--json", *(f"caption@{dump}" for dump in dumps))
        return {name for name in json.loads(told[told.index("{") : told.rindex("}") + 1]) if name.startswith("caption")}

    assert stale() == set()
    prompts = project / "biolingual/captioning/prompts"
    for changed, expected in {
        "watkins.yaml": set(),
        "inaturalist.yaml": {"caption@inaturalist-2026-01"},
        "rules.md": {f"caption@{dump}" for dump in dumps},
    }.items():
        text = (prompts / changed).read_text()
        (prompts / changed).write_text(text + "\n")
        assert stale() == expected, changed
        (prompts / changed).write_text(text)
