"""STUDIES: for each study its question and its variants, as changes of params.yaml. A new study is one function and one row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from biolingual.params import Params
from biolingual.records import Pair, PairCaption
from biolingual.training.selection import SIMULATED, TAXA, by_a_model, training_pairs

AS_IS = "as-is"  # the variant of params.yaml as it stands, to which the others are compared
MIN_MODEL_CAPTIONS = 0.05
HUB_CLAP, HUB_TEXT = "laion/clap-htsat-unfused", "roberta-base"
SHARES = (0.125, 0.25, 0.5, 1.0)
FACTORS = (0.5, 1.0, 2.0)  # of the global batch
DROPOUTS = (0.25, 0.5)
SEEDS = 3


@dataclass(frozen=True)
class Variant:
    """One run: which params differ ("pretrain.seed" -> value), its place on the study's axis, or why it cannot run."""

    name: str
    changes: dict[str, object] = field(default_factory=dict)
    x: float | None = None
    not_run: str = ""


@dataclass(frozen=True)
class Plan:
    """`axis`: what x counts, "" where variants have no order; `fitted`: whether a scaling law is fitted along it."""

    question: str
    variants: list[Variant]
    axis: str = ""
    fitted: bool = False


def plan(name: str, params: Params, pairs: list[Pair], levels: list[str], seeds: list[int]) -> Plan:
    """The plan of a study: with `levels` instead of its usual ones where given, each variant once for each of `seeds`.

    ValueError for an unknown study, for levels that it cannot take, and for a study this dataset cannot answer.
    """
    if name not in STUDIES:
        raise ValueError(f"study {name!r} is unknown. Known: {', '.join(STUDIES)}.")
    found = STUDIES[name](params, pairs, levels)
    if seeds and name == "seeds":
        raise ValueError("the study `seeds` takes its seeds as levels: --levels 1 2 3.")
    return replace(found, variants=[one for variant in found.variants for one in _seeded(variant, seeds)])


def _seeded(variant: Variant, seeds: list[int]) -> list[Variant]:
    return [
        replace(variant, name=f"{variant.name}-seed-{seed}", changes=variant.changes | {"pretrain.seed": seed})
        for seed in seeds
    ] or [variant]


def _scaling(what: str, count: Callable[[list[Pair]], int]) -> Callable:
    def study(params: Params, pairs: list[Pair], levels: list[str]) -> Plan:
        variants = []
        for level in sorted(set(_numbers(levels)) | {1.0}) if levels else SHARES:
            if not 0 < level <= 1:
                raise ValueError(f"{level:g} is no share of the {what}: give numbers above 0, at most 1.")
            setting = params.pretrain.model_copy(update={f"{what}_share": level})
            x = float(count(training_pairs(pairs, setting)))
            changes = {} if level == getattr(params.pretrain, f"{what}_share") else {f"pretrain.{what}_share": level}
            variants.append(Variant(f"share-{level:g}" if changes else AS_IS, changes, x))
        question = f"How does a score grow with the number of {what} learnt from? Every variant takes the same number of steps."
        return Plan(question, variants, f"training {what}", fitted=True)

    return study


def _captions(params: Params, pairs: list[Pair], levels: list[str]) -> Plan:
    train = training_pairs(pairs, params.pretrain)
    share, stand_ins = written_share(train, by_a_model), 0.0
    if all(pair.origin == SIMULATED for pair in train):
        stand_ins = written_share(train, lambda caption: caption.captioner == SIMULATED)
    if share + stand_ins < MIN_MODEL_CAPTIONS:
        raise ValueError(
            f"{share:.1%} of the training captions are written by a language model and ok; the study `captions` needs "
            f"{MIN_MODEL_CAPTIONS:.0%}, else it compares a thing with itself. Set caption.captioner and run: dvc repro validate"
        )
    dropouts = _numbers(levels) or DROPOUTS
    variants = [
        Variant(AS_IS),
        Variant("without-model-captions", {"pretrain.model_captions": False}),
        *(Variant(f"{kind}-only", {"pretrain.caption_kinds": [kind]}) for kind in ("scientific", "common")),
        Variant("both-names", {"pretrain.caption_kinds": ["scientific", "common"]}),
        *(Variant(f"name-dropout-{one:g}", {"pretrain.name_dropout": one}) for one in dropouts),
    ]
    question = "What do the kinds of captions add?"
    if stand_ins:
        question += " The simulated world's recorded answers stand in for a language model's captions."
    return Plan(question, variants)


def written_share(pairs: list[Pair], by: Callable[[PairCaption], bool]) -> float:
    """Share of the pairs' captions that `by` says of and that no check turned down."""
    captions = [caption for pair in pairs for caption in pair.captions]
    return sum(by(one) and one.status == "ok" for one in captions) / max(1, len(captions))


def _init(params: Params, pairs: list[Pair], levels: list[str]) -> Plan:
    _no_levels("init", levels)
    hub = {"model.init": HUB_CLAP}
    ways = {
        "hub": hub,
        "hub-audio": {"model.init": "scratch", "model.init_audio": HUB_CLAP, "model.init_text": ""},
        "hub-text": {"model.init": "scratch", "model.init_audio": "", "model.init_text": HUB_TEXT},
        "towers-apart": {"model.init": "scratch", "model.init_audio": HUB_CLAP, "model.init_text": HUB_TEXT},
    }
    scratch = {"model.init": "scratch", "model.init_audio": "", "model.init_text": ""}
    as_is = all(getattr(params.model, key.split(".")[1]) == value for key, value in scratch.items())
    variants = [Variant(AS_IS), *([] if as_is else [Variant("scratch", scratch)])]
    for name, changes in ways.items():
        wanted = [str(one) for one in changes.values() if one not in ("", "scratch")]
        missing = sorted({one for one in wanted if not _here(one)})
        reason = f"the weights of {' and '.join(missing)} are not on this machine" if missing else ""
        variants.append(Variant(name, changes, not_run=reason))
    return Plan("What do weights learnt elsewhere add, of the whole model and of each tower?", variants)


def _here(weights: str) -> bool:
    """Whether a folder, or this machine's copy of a hub's repository, holds the weights. Asks no network."""
    from huggingface_hub import try_to_load_from_cache

    return Path(weights).is_dir() or isinstance(try_to_load_from_cache(weights, "config.json"), str)


def _batch(params: Params, pairs: list[Pair], levels: list[str]) -> Plan:
    own, steps = params.pretrain.global_batch_size, params.pretrain.steps
    sizes = {int(one) for one in _numbers(levels)} | {own} if levels else {int(own * factor) for factor in FACTORS}
    most = len(training_pairs(pairs, params.pretrain))
    variants = []
    for size in sorted(sizes):
        changes = (
            {} if size == own else {"pretrain.global_batch_size": size, "pretrain.steps": round(steps * own / size)}
        )
        reason = "" if 1 < size <= most else f"a batch is of 2 to {most} pairs, all there are to learn from"
        variants.append(Variant(f"batch-{size}" if changes else AS_IS, changes, float(size), reason))
    question = "What does the number of pairs in a global batch change, as many pairs being seen and the rate kept?"
    return Plan(question, variants, "pairs in a global batch")


def _archives(params: Params, pairs: list[Pair], levels: list[str]) -> Plan:
    train = training_pairs(pairs, params.pretrain)
    dumps: dict[str, set[str]] = {}
    for pair in train:
        dumps.setdefault(pair.archive, set()).add(pair.dump)
    left_out = {f"without-{archive}": sorted(found) for archive, found in dumps.items()}
    left_out |= {f"without-{dump}": [dump] for found in dumps.values() if len(found) > 1 for dump in found}
    if unknown := set(levels) - {name.removeprefix("without-") for name in left_out}:
        known = ", ".join(sorted(name.removeprefix("without-") for name in left_out))
        raise ValueError(f"no training pair is of {', '.join(sorted(unknown))}. Known archives and dumps: {known}.")
    wanted = {name: one for name, one in left_out.items() if not levels or name.removeprefix("without-") in levels}
    variants = [Variant(AS_IS)]
    for name, found in sorted(wanted.items()):
        reason = "nothing else is left to learn from" if {pair.dump for pair in train} <= set(found) else ""
        variants.append(
            Variant(name, {"pretrain.without_dumps": [*params.pretrain.without_dumps, *found]}, None, reason)
        )
    question = (
        "What does an archive or dump add to the scores of each taxon? One is left out at a time, with as many steps."
    )
    return Plan(question, variants)


def _balance(params: Params, pairs: list[Pair], levels: list[str]) -> Plan:
    if unknown := set(levels) - set(TAXA):
        raise ValueError(f"balance by {', '.join(sorted(unknown))} is unknown. Known: {', '.join(TAXA)}.")
    taxa = [one for one in levels or ("species", "class") if one != params.pretrain.balance]
    changed = [Variant(f"balance-{taxon}", {"pretrain.balance": taxon}) for taxon in taxa]
    return Plan("Does it help to show each taxon equally often?", [Variant(AS_IS), *changed])


def _seeds(params: Params, pairs: list[Pair], levels: list[str]) -> Plan:
    own = params.pretrain.seed
    seeds = sorted({int(one) for one in _numbers(levels)} | {own}) if levels else range(own, own + SEEDS)
    variants = [Variant(f"seed-{seed}" if seed != own else AS_IS, {"pretrain.seed": seed}) for seed in seeds]
    return Plan("How far do scores of equal runs lie apart when only the seed is another?", variants)


def _numbers(levels: list[str]) -> list[float]:
    try:
        return [float(one) for one in levels]
    except ValueError as error:
        raise ValueError(f"--levels {' '.join(levels)}: this study takes numbers.") from error


def _no_levels(name: str, levels: list[str]) -> None:
    if levels:
        raise ValueError(f"the study {name!r} takes no --levels.")


STUDIES = {
    "scaling-recordings": _scaling("recordings", lambda pairs: len({pair.recording_id for pair in pairs})),
    "scaling-species": _scaling("species", lambda pairs: len({TAXA["species"](pair) for pair in pairs})),
    "captions": _captions,
    "batch": _batch,
    "init": _init,
    "archives": _archives,
    "balance": _balance,
    "seeds": _seeds,
}
