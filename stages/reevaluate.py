"""Score the standing model on a newer dataset version: the diff, the scores on what is new, and the verdict. No arm of the graph.

Run by the flow `reevaluate` in a candidate's worktree, after its arms `embed` and `evaluate`.
"""

import dataclasses
from pathlib import Path

from biolingual.benchmarks import reevaluation
from biolingual.parallel import Machine
from biolingual.params import EvaluateParams, ReevaluateParams
from biolingual.records import Pair, Rejected
from biolingual.storage import file_digests
from biolingual.tabular import read_json, rows, write_json
from stages.entry import run
from stages.evaluate import context


def main(
    evaluate: EvaluateParams,
    reevaluate: ReevaluateParams,
    machine: Machine,
    animalspeak: Path,
    before: Path,
    scores_before: Path,
    audio: Path,
    embeds: Path,
    out: Path,
) -> None:
    old = rows(before / "pairs.parquet", Pair)
    found = dataclasses.replace(context(evaluate, machine, animalspeak, audio, embeds), with_baselines=False)
    earlier = {path.stem: read_json(path) for path in sorted(scores_before.glob("*.json"))}
    changes = reevaluation.diff(
        old,
        found.pairs,
        rows(before / "rejected.parquet", Rejected),
        rows(animalspeak / "rejected.parquet", Rejected),
    )
    compared = reevaluation.compare(found, old, earlier, reevaluate)
    reasons = reevaluation.retrain(changes, compared, reevaluate)
    result = {
        "verdict": reevaluation.overall_verdict(compared),
        "retrain_advised": bool(reasons),
        "retrain_reasons": reasons,
        "model_sha": found.embedder.model_sha,
        "dataset_before": file_digests(str(before / "pairs.parquet"))[0],
        "dataset_sha": found.dataset_sha,
        "diff": changes,
        "scores": compared,
    }
    write_json(result, out)
    print(f"reevaluate: {result['verdict']}; {'; '.join(reasons) or 'no reason to train again'}")


if __name__ == "__main__":
    run(main)
