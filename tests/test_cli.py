"""The `biolingual` command as a terminal sees it."""

from pathlib import Path

from typer.testing import CliRunner

from biolingual.cli import app

ROOT = Path(__file__).resolve().parents[1]


def test_the_scores_are_a_table_for_each_origin():
    done = CliRunner().invoke(app, ["scores", "--folder", str(ROOT / "reports/scores")])
    assert done.exit_code == 0, done.exception
    assert "simulated sounds" in done.output and "animalspeak_zero_shot" in done.output


def test_a_folder_without_scores_says_what_to_run(tmp_path):
    done = CliRunner().invoke(app, ["scores", "--folder", str(tmp_path)])
    assert isinstance(done.exception, ValueError) and "dvc repro" in str(done.exception)


def test_attributions_are_one_line_for_each_recording(tmp_path, capsys):
    from biolingual.cli import attributions
    from biolingual.records import Recording
    from biolingual.tabular import write_rows

    one = Recording(
        recording_id="xeno_canto:XC9",
        origin="real",
        dump="d",
        archive="xeno_canto",
        common_name="Wren",
        recorded_by="Ada Marr",
        license="CC BY 4.0",
        url="https://xeno-canto.org/9",
    )
    write_rows([one], Recording, tmp_path / "recordings.parquet")
    attributions(tmp_path / "recordings.parquet")
    assert capsys.readouterr().out == "xeno_canto:XC9\tWren by Ada Marr, CC BY 4.0, https://xeno-canto.org/9\n"


def test_the_archives_are_a_table_in_which_nothing_is_cut_however_narrow(monkeypatch):
    from biolingual.archives.catalogue import catalogue

    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "80")
    done = CliRunner().invoke(app, ["archives"])
    assert done.exit_code == 0, done.exception
    assert "…" not in done.output and all(one.archive in done.output for one in catalogue())
    assert "non-commercial taken and told, no derivatives refused, none or unknown refused" in done.output
    assert "python -m flows harvest ARCHIVE NAME" in done.output
