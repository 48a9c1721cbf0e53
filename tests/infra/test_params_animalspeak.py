"""infra/params-animalspeak.yaml: the paper's values in the form of params.yaml, key for key."""

from tests.infra.manifests import INFRA, ROOT, documents

FILE = INFRA / "params-animalspeak.yaml"


def test_the_papers_values_have_every_key_of_params_yaml():
    ours, theirs = (documents(path)[0] for path in (ROOT / "params.yaml", FILE))
    wanted = {(section, key) for section, values in ours.items() if section != "dumps" for key in values}
    present = {(section, key) for section, values in theirs.items() if section != "dumps" for key in values}
    missing, surplus = (sorted(".".join(key) for key in keys) for keys in (wanted - present, present - wanted))
    assert not missing, f"infra/params-animalspeak.yaml has no value for: {', '.join(missing)}"
    assert not surplus, f"infra/params-animalspeak.yaml has keys that params.yaml has not: {', '.join(surplus)}"
    assert list(ours) == list(theirs)


def test_the_papers_values_load_and_name_what_exists():
    from biolingual.benchmarks import BENCHMARKS
    from biolingual.captioning import CAPTIONERS
    from biolingual.params import load

    params = load(FILE)
    assert set(params.evaluate.tasks) <= set(BENCHMARKS) and params.caption.captioner in CAPTIONERS
    assert params.pretrain.steps == 45 * (1_102_307 // params.pretrain.global_batch_size)


def test_a_dump_can_be_added_to_the_papers_values(tmp_path, monkeypatch):
    import flows.dumps
    from biolingual.params import load

    (tmp_path / "params.yaml").write_text(FILE.read_text())
    monkeypatch.setattr(flows.dumps, "_inspected", lambda *words: "sha256:0")
    flows.dumps.add_dump("folder", "meadow-2026-11", "s3://bucket/meadow", "real", root=tmp_path)
    assert load(tmp_path / "params.yaml").dumps["meadow-2026-11"].source == "dumps/meadow-2026-11.json"
