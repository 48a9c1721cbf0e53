"""The caption stage: the captioner's sentences, and those that the dump brought along."""

from biolingual.captioning.endpoint import Endpoint
from biolingual.params import CaptionParams
from biolingual.records import Caption, Recording
from biolingual.tabular import rows, write_rows
from stages.caption import main

ONE = Recording(recording_id="a:1", origin="real", dump="d", archive="a", common_name="Wren")


PARAMS = CaptionParams(
    captioner="template", kinds=["common", "scientific"], model="", temperature=0.0, max_tokens=100, seed=1,
    max_unanswered=0.1, ner_model="",
)  # fmt: skip


def written(folder) -> list[tuple[str, str]]:
    main(PARAMS, Endpoint(), folder, folder / "out.parquet", folder / "report.json")
    return [(one.captioner, one.text) for one in rows(folder / "out.parquet", Caption)]


def test_a_recording_is_captioned_by_the_captioner(tmp_path):
    write_rows([ONE], Recording, tmp_path / "recordings.parquet")
    assert written(tmp_path) == [("template", "The sound of a Wren.")]


def test_what_the_dump_brought_along_is_kept_beside_it(tmp_path):
    write_rows([ONE], Recording, tmp_path / "recordings.parquet")
    brought = Caption(recording_id="a:1", kind="descriptive", text="A wren sings", status="ok", captioner="audiocaps")
    write_rows([brought], Caption, tmp_path / "captions.parquet")
    assert written(tmp_path) == [("template", "The sound of a Wren."), ("audiocaps", "A wren sings")]
