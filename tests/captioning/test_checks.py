"""The checks against captions written by hand: one planted fault in each faulty one.

pairs_held_out.json was written by someone who had not seen the checks, and first run when they stood: 90 % of its faults were
caught, and 70 % of its faithful captions turned down, most of them about remarks in other languages. The checks were changed
after that, so what they reach on it now is no estimate for captions still unseen.
"""

import pytest

from tests.captioning.judged import by_reason, judged, rates, table


@pytest.mark.parametrize(
    ("file", "caught", "false_alarms"), [("pairs_tuned.json", 0.95, 0.02), ("pairs_held_out.json", 0.85, 0.05)]
)
def test_planted_faults_are_caught_and_faithful_captions_let_through(file, caught, false_alarms, capsys):
    pairs = judged(file)
    with capsys.disabled():
        print(f"\n{file}: {len(pairs)} pairs, caught {rates(pairs)[0]:.1%}, false alarms {rates(pairs)[1]:.1%}")
        print(by_reason(pairs))
    found = rates(pairs)
    assert found[0] >= caught and found[1] <= false_alarms, table(pairs)
