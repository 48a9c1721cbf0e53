"""A stage's signature is its command line: what comes from params.yaml, what from the environment, what from argv."""

import inspect
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from biolingual.captioning.endpoint import Endpoint
from biolingual.parallel import Machine
from biolingual.params import AssembleParams, DumpRow, IngestParams, Params, ValidateParams
from stages.entry import arguments, run, sections

FILE = Path(__file__).resolve().parents[1] / "params.yaml"


def ingest(ingest: IngestParams, row: DumpRow, dump: str, source: str, machine: Machine) -> None: ...


def assemble(assemble: AssembleParams, validate: ValidateParams, dumps: dict[str, DumpRow], out: Path) -> None: ...


def check(params: Params, files: list[Path], times: int) -> None: ...


def test_a_section_is_filled_from_the_file(params):
    given = arguments(assemble, ["--out", "here"], FILE)
    assert (given["assemble"], given["validate"]) == (params.assemble, params.validate_)
    assert given["dumps"] == params.dumps


def test_a_dump_row_is_that_of_the_named_dump(params):
    given = arguments(ingest, ["--dump", "inaturalist-2026-01", "--source", "s"], FILE)
    assert given["row"] == params.dumps["inaturalist-2026-01"]


def test_every_other_parameter_is_an_option_of_its_type(params):
    given = arguments(check, ["--files", "a", "b", "--times", "3"], FILE)
    assert given == {"params": params, "files": [Path("a"), Path("b")], "times": 3}


def test_a_parameter_with_a_default_may_be_left_out():
    def main(data: Path, model: str = "", out: Path | None = None) -> None: ...

    main.__module__ = __name__
    assert arguments(main, ["--data", "d"], FILE) == {"data": Path("d"), "model": "", "out": None}
    assert arguments(main, ["--data", "d", "--out", "o"], FILE)["out"] == Path("o")


def test_an_option_may_lead_to_another_main(monkeypatch):
    def main(out: Path) -> None:
        raise AssertionError("this is the graph's")

    called = {}
    other = SimpleNamespace(main=lambda **given: called.update(given))
    other.main.__annotations__ = {"data": Path}
    other.main.__signature__ = inspect.Signature([inspect.Parameter("data", inspect.Parameter.KEYWORD_ONLY)])
    other.main.__module__ = __name__
    monkeypatch.setitem(sys.modules, "other_stage", other)
    monkeypatch.setattr("stages.entry.end_with_parent", lambda: None)
    monkeypatch.setattr(sys, "argv", ["evaluate", "--data=here"])
    monkeypatch.chdir(FILE.parent)
    run(main, instead={"--data": "other_stage"})
    assert called == {"data": Path("here")}


def test_the_arguments_are_exactly_the_signatures():
    given = arguments(ingest, ["--dump", "xeno_canto-2026-01", "--source", "s"], FILE)
    assert set(given) == {"ingest", "row", "dump", "source", "machine"}


def test_the_machine_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("BIOLINGUAL_WORKERS", "5")
    monkeypatch.setenv("BIOLINGUAL_GPU", "1")
    machine = arguments(ingest, ["--dump", "xeno_canto-2026-01", "--source", "s"], FILE)["machine"]
    assert (machine.workers, machine.use_gpu) == (5, True)


def test_the_endpoint_comes_from_the_environment_and_hides_its_key(monkeypatch):
    def main(endpoint: Endpoint, offline: bool = False) -> None: ...

    given = {"URL": "http://here/v1", "KEY": "sk-hidden", "AT_ONCE": "7", "USD": "0.5,1.5"}
    for name, value in given.items():
        monkeypatch.setenv(f"BIOLINGUAL_CHAT_{name}", value)
    found = arguments(main, [], FILE)
    assert found == {"endpoint": Endpoint("http://here/v1", "sk-hidden", 7, usd_in=0.5, usd_out=1.5), "offline": False}
    assert "sk-hidden" not in str(found)
    assert arguments(main, ["--offline"], FILE)["offline"] is True


@pytest.mark.parametrize(
    ("name", "value"), [("AT_ONCE", "many"), ("AT_ONCE", "0"), ("USD", "0.5"), ("TIMEOUT_S", "-1")]
)
def test_a_setting_of_the_endpoint_that_is_no_number_is_refused(monkeypatch, name, value):
    def main(endpoint: Endpoint) -> None: ...

    monkeypatch.setenv(f"BIOLINGUAL_CHAT_{name}", value)
    with pytest.raises(ValueError, match="BIOLINGUAL_CHAT_USD is two"):
        arguments(main, [], FILE)


def test_an_option_that_is_not_given_ends_the_command(capsys):
    with pytest.raises(SystemExit):
        arguments(ingest, ["--dump", "xeno_canto-2026-01"], FILE)
    assert "--source" in capsys.readouterr().err


def test_sections_are_named_in_the_order_of_the_signature_and_as_in_the_file():
    assert sections(assemble) == ["assemble", "validate", "dumps"]
    assert sections(ingest) == ["ingest"]


def test_the_real_stages_meet_the_file():
    from stages.simulate import main

    given = arguments(main, ["--dump", "xeno_canto-2026-01", "--out", "o"], FILE)
    assert (given["simulate"].seed, given["out"]) == (2026, Path("o"))
