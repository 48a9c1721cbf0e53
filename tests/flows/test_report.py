"""What a re-evaluation tells people: a page of tables, under a key that Prefect takes."""

import re

import pytest

from flows.report import key, markdown
from flows.watch import Seen, Source

SEEN = Seen("xc-2026-02", "inbox/xc-2026-02", "new", "", Source("xeno_canto", "folder", "inbox", "real", "", "", 60.0))


def score(value: float, n: int) -> dict:
    return {"value": value, "ci95": [value - 0.1, value + 0.1], "n": n, "n_classes": 9}


def compared(task: str, origin: str, verdict: str = "same", **changes) -> dict:
    return {
        "task": task,
        "origin": origin,
        "primary": "top1",
        "before": [0.6, 0.5, 0.7],
        "overall": score(0.5, 40),
        "new": score(0.4, 12),
        "new_species": None,
        "verdict": verdict,
        **changes,
    }


RESULT = {
    "base": "biolingual-demo@v0.1.0",
    "model_sha": "a" * 64,
    "gate": True,
    "verdict": "worse",
    "retrain_reasons": ["7 species are new (limit 5)"],
    "clips": {"embedded": 12, "kept": 300},
    "scores": [compared("zero_shot", "simulated", "worse"), compared("zero_shot", "real", before=None)],
    "diff": {"recordings_added": 12, "species_added": ["Parus ater", "Parus major"], "refused": {"silent": 2}},
}


def test_the_page_says_verdict_base_model_and_how_to_take_it():
    text = markdown(SEEN, RESULT)
    assert text.startswith("# xc-2026-02: worse\n")
    assert "biolingual-demo@v0.1.0" in text and f"`{'a' * 12}`, not retrained" in text
    assert text.rstrip().endswith("Take it: `python -m flows accept dump/xc-2026-02`")
    assert "Clips embedded: 12, kept from before: 300." in text


def test_scores_of_two_origins_never_share_a_table():
    text = markdown(SEEN, RESULT)
    real, simulated = text.split("## Scores on real sounds")[1].split("## Scores on simulated sounds")
    assert "| zero_shot (top1) |  | 0.500 [0.400, 0.600], n 40 | 0.400 [0.300, 0.500], n 12 | none | same |" in real
    assert "| 0.600 [0.500, 0.700] | 0.500" in simulated and simulated.count("| zero_shot") == 1


def test_every_row_of_a_table_has_as_many_cells_as_its_head():
    for table in re.findall(r"(?:^\|.*\n)+", markdown(SEEN, RESULT), re.M):
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_what_is_new_is_told_in_words():
    text = markdown(SEEN, RESULT)
    assert "| species added | Parus ater, Parus major |" in text
    assert "| refused | silent 2 |" in text and "| recordings added | 12 |" in text


def test_the_advice_to_train_again_stands_out_with_its_reasons():
    assert "**Train again: 7 species are new (limit 5).**" in markdown(SEEN, RESULT)
    assert "No reason to train again." in markdown(SEEN, RESULT | {"retrain_reasons": []})


def test_a_red_gate_is_told_and_nothing_else():
    text = markdown(SEEN, {key: RESULT[key] for key in ("base", "model_sha")} | {"gate": False, "verdict": "gate red"})
    assert "**The gate is red**" in text and "accept" not in text and "|" not in text


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("xeno_canto-2026-02", "dump-xeno-canto-2026-02"),
        (".Half Written.zip.part", "dump-half-written-zip-part"),
        ("Vögel", "dump-v-gel"),
    ],
)
def test_an_artifact_key_is_lower_case_digits_and_dashes(name, expected):
    assert key(name) == expected and re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", key(name))
