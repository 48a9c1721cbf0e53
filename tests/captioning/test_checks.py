"""The checks against captions written by hand: one planted fault in each faulty one.

pairs_tuned.json, pairs_varied.json and pairs_varied_2.json are what the checks were tuned on. The held-out files were each written
by someone who had not seen the checks, and first run when they stood:

- pairs_held_out.json: 90 % of its faults were caught, and 70 % of its faithful captions turned down, most of them about remarks in
  other languages. The checks were changed after that.
- pairs_held_out_2.json: first run on the second unseen set: 100 % caught, 70 % false alarms; the checks were changed after it.
- pairs_held_out_3.json: first run on the third unseen set: 100 % caught (20 of 20, one of them, a season, for other reasons than
  the planted one), 10 % false alarms (2 of 20: a demonym in a species' name, "played back"); the checks were changed after it.

What they reach on these three now is no estimate for captions still unseen. That is the fourth, run once and nothing changed since:

- pairs_held_out_4.json: 90 % caught (18 of 20; missed: an invented bill tapping, an invented pheasant beside a told skylark), no
  false alarm in 20.
"""

import json

import pytest

from biolingual.captioning.checks import faults
from tests.captioning.judged import HERE, by_reason, judged, rates, recording, table

PLANTED = {
    "place": " in Bavaria", "lake": " near Lake Orta", "person": ", as heard by Okonkwo", "date": " in June 2014",
    "time": " at dawn", "season": " in late autumn", "weather": " with thunder", "number": " given 17 times",
    "species": " beside a hippopotamus", "behaviour": " while feeding", "purpose": " to defend its territory",
    "coordinates": " at 46.2 N 11.3 E", "height": " at 1450 m elevation", "equipment": " recorded with a parabolic microphone",
    "praise": ", a truly enchanting sound", "guess": ", probably a young one", "language": " y otros pájaros en el fondo",
    "order": ". Visit our channel for more", "markup": " <br>", "cut off": ", accompanied by the",
}  # fmt: skip


@pytest.mark.parametrize(
    ("file", "caught", "false_alarms"),
    [
        ("pairs_tuned.json", 0.95, 0.02),
        ("pairs_varied.json", 0.95, 0.02),
        ("pairs_varied_2.json", 0.95, 0.02),
        ("pairs_held_out.json", 0.85, 0.05),
        ("pairs_held_out_2.json", 0.85, 0.05),
        ("pairs_held_out_3.json", 0.85, 0.05),
        ("pairs_held_out_4.json", 0.85, 0.05),
    ],
)
def test_planted_faults_are_caught_and_faithful_captions_let_through(file, caught, false_alarms, capsys):
    pairs = judged(file)
    with capsys.disabled():
        print(f"\n{file}: {len(pairs)} pairs, caught {rates(pairs)[0]:.1%}, false alarms {rates(pairs)[1]:.1%}")
        print(by_reason(pairs))
    found = rates(pairs)
    assert found[0] >= caught and found[1] <= false_alarms, table(pairs)


@pytest.mark.parametrize("fault", PLANTED)
def test_a_clause_planted_into_faithful_captions_is_caught(fault):
    pairs = json.loads((HERE / "pairs_tuned.json").read_text(encoding="utf-8"))
    faithful = [pair for pair in pairs if not pair["faulty"] and pair["kind"] == "descriptive"]
    missed = []
    for pair in faithful:
        text = pair["caption"].rstrip(".") + PLANTED[fault] + ("" if fault == "cut off" else ".")
        if not faults(text, recording(pair)):
            missed.append(text)
    assert len(missed) <= 0.1 * len(faithful), missed
