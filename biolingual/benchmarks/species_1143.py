"""The paper's 1,143 class names, as bare prompts, on recordings of our own: its test recordings were never published.

arXiv 2308.04978; the names are the entry `animals` of beans/datasets.yml in github.com/david-rx/BioLingual, one to a line.
What is reached here is no reproduction of the paper's number: the classes are the same, the recordings are others.
"""

from dataclasses import replace
from pathlib import Path

from biolingual.benchmarks.context import Context
from biolingual.benchmarks.protocols import answers, score, taxa
from biolingual.records import Pair, Score

TASK = "species_1143"
N_NAMES = 1143
PROMPT = "{common_name}"
SOURCE = "the entry `animals` of beans/datasets.yml in github.com/david-rx/BioLingual"
NOTES = "Same classes as the paper's, other recordings: not comparable with the number in the paper."


def scores(context: Context) -> list[Score]:
    """One score per origin of test_seen. Prompts are the bare names, whatever evaluate.prompt_template says."""
    names = read_names(context.params.class_names)
    context = replace(context, params=context.params.model_copy(update={"prompt_template": PROMPT}))
    found = [_score(context, origin, names) for origin in context.origins("test_seen")]
    return [one for one in found if one is not None]


def read_names(file: str) -> list[str]:
    """The names in the file of evaluate.class_names. It must hold as many as the paper's list, each once."""
    if not file or not Path(file).is_file():
        raise FileNotFoundError(
            f"{TASK}: evaluate.class_names is {file!r}, which is no file. Save {SOURCE}, one name to a line, and name the file "
            "in params.yaml."
        )
    names = [line.strip() for line in Path(file).read_text(encoding="utf-8").splitlines() if line.strip()]
    if len(names) != N_NAMES or len({name.casefold() for name in names}) != N_NAMES:
        raise ValueError(
            f"{TASK}: {file} holds {len(names)} names, {len(set(names))} of them distinct; the paper's list has {N_NAMES}. "
            f"Take {SOURCE}."
        )
    return names


def label(pair: Pair) -> str:
    return pair.common_name.casefold()


def _score(context: Context, origin: str, names: list[str]) -> Score | None:
    clips = context.asked("test_seen", origin)
    if not clips:
        return None
    classes = {name.casefold(): replace(clips[0], common_name=name) for name in names}
    found = answers(context, clips, classes, label)
    if found is None:
        return None
    heard = len(set(found.target))
    return score(
        context,
        task=TASK,
        origin=origin,
        protocol="zero_shot",
        measured=found.measures() | {"classes_with_recordings": float(heard)},
        primary="top1",
        chance=1 / len(names),
        per_item=found.hits,
        classes=found.names,
        others={"chance": {"top1": 1 / len(names)}},
        n_skipped=found.n_skipped,
        notes=f"{NOTES} {heard} of the classes have recordings here.",
        ids=found.ids,
        groups=taxa(found, found.hits),
    )
