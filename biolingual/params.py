"""The typed mirror of params.yaml: frozen, no defaults, an unknown key is an error with the nearest known one."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, ValidationError

TAG_NAME = r"^[a-z][a-z0-9-]*[a-z0-9]$"  # what GTO takes as the name of an artifact
CaptionKind = Literal["common", "scientific", "taxonomic", "descriptive", "background"]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SimulateParams(Section):
    seed: int = Field(description="Draws the world: voices, sites, recordists, weather and dirt.")
    n_recordings: int = Field(gt=0, description="Recordings in the world of the first dumps, before the dirt is added.")
    dumps: list[str] = Field(description="Which of the world's dumps to write; each needs a row in `dumps` too.")


class DumpRow(Section):
    archive: str = Field(description="A key of ARCHIVES: who reads the dump.")
    origin: Literal["real", "simulated"] = Field(description="Set here, carried by every row, never inferred.")
    source: str = Field(description="Where the dump lies: a folder, a zip, or a URL.")
    digest: str = Field(description="What ingest verifies; '' for a dump the graph itself writes, which dvc.lock pins.")
    checklist: str = Field(description="The table in biolingual/tables that resolves its names; '' = names as given.")
    default_license: str = Field(
        description="For a dump that gives no licence of its own: one licence, `own` included; '' = none."
    )


class IngestParams(Section):
    sample_rate_hz: int = Field(gt=0, description="Rate of every stored clip.")
    clip_duration_s: int = Field(gt=0, description="Longest clip, and the model's input length; whole seconds.")
    max_clips_per_recording: int = Field(gt=0, description="The liveliest windows kept of a long recording.")
    min_duration_s: float = Field(gt=0, description="Shorter recordings are rejected as too_short.")
    silence_dbfs: float = Field(lt=0, description="A recording whose peak is below this is rejected as silent.")
    truncated_share: float = Field(
        gt=0, lt=1, description="Decoded below this share of the declared length: truncated."
    )
    allow_noncommercial: bool = Field(description="Take NC licences.")
    allow_noderivatives: bool = Field(description="Take ND licences, although a clip is a derivative.")
    shard_size_mb: int = Field(gt=0, description="A shard is closed past this size.")


class CaptionParams(Section):
    captioner: str = Field(description="A key of CAPTIONERS.")
    kinds: list[Literal["common", "scientific", "taxonomic", "background"]] = Field(
        min_length=1, description="Kinds written from structured fields; a captioner adds its descriptive ones."
    )
    model: str = Field(description="For `chat`: the model's name at its endpoint, which the environment gives.")
    temperature: float = Field(ge=0, description="Of the model's sampling; 0 = its likeliest words.")
    max_tokens: int = Field(gt=0, description="Longest answer; one that is cut off is not used.")
    seed: int = Field(description="Sent with each question; it is the endpoint's to honour it.")
    max_unanswered: float = Field(
        ge=0, le=1, description="A larger share of recordings without an answer (and more than ten) is an error."
    )
    ner_model: str = Field(
        description="A token-classification model to look for places and people; '' = the gazetteer alone."
    )


class AssembleParams(Section):
    seed: int = Field(description="Salts the split hash; changing it redraws every split.")
    valid_share: float = Field(ge=0, lt=1, description="Share of recordist-days in `valid`.")
    test_share: float = Field(ge=0, lt=1, description="Share of recordist-days in `test_seen`.")
    held_out: list[str] = Field(
        description="Taxa of any rank (species, genus, family) whose sounds are never trained on."
    )
    held_out_species_share: float = Field(
        ge=0, lt=1, description="Further species held out, drawn by hash of the name."
    )
    held_out_regions: list[str] = Field(
        description="Where nothing is trained on: a country's name as the archives write it, or "
        "'south,west,north,east' in degrees. These recordings are `test_region`."
    )
    rare: list[str] = Field(description="Species of which few recordings are trained on; the others are `test_rare`.")
    rare_species_share: float = Field(ge=0, lt=1, description="Further such species, drawn by hash of the name.")
    rare_train_share: float = Field(
        ge=0, le=1, description="Of a rare species, the share of recordist-days of `train` that stays there."
    )
    fingerprints: Literal["none", "benchmarks", "all"] = Field(
        description="Whose sounds are known again by fingerprint: the benchmarks', or each other's too."
    )
    max_recordings_per_species: int = Field(
        ge=0, description="More in `train` are left out, later dumps first; 0 = all."
    )
    max_recordings_per_recordist: int = Field(
        ge=0, description="The same for what one recordist has of one species; 0 = all."
    )


class ValidateParams(Section):
    min_recordings: int = Field(ge=0, description="Fewer recordings in the dataset turn the gate red.")
    min_train_species: int = Field(ge=0, description="Fewer species in `train` turn the gate red.")
    max_rejected_share: float = Field(
        ge=0, le=1, description="A larger share of input records rejected turns the gate red."
    )
    max_caption_chars: int = Field(gt=0, description="No caption is longer.")
    max_caption_share: float = Field(gt=0, le=1, description="No caption text stands on a larger share of recordings.")
    min_train_share: float = Field(ge=0, le=1, description="Of the recordings, those in `train`.")
    max_species_share: float = Field(
        gt=0, le=1, description="No species has a larger share of the training recordings."
    )
    max_fallback_share: float = Field(ge=0, le=1, description="Of captions, those that stand in for a refused one.")
    max_noncommercial_share: float = Field(ge=0, le=1, description="Of recordings.")
    max_uncredited_share: float = Field(
        ge=0, lt=1, description="Of recordings whose licence asks for a name, those with neither name nor address."
    )
    max_unresolved_share: float = Field(ge=0, le=1, description="Of recordings, those named by no checklist.")
    max_genera_in_two_families: int = Field(ge=0, description="A genus in two families is a homonym or a fault.")
    min_source_rate_hz: int = Field(ge=0, description="No archive's recording has a lower sample rate.")
    max_source_rate_hz: int = Field(gt=0, description="Nor a higher one.")
    min_benchmarks: int = Field(ge=0, description="Benchmark manifests that training must have been compared with.")
    max_shared_days_share: float = Field(
        ge=0, le=1, description="Of test_seen, recordings whose recordist recorded for `train` on that day elsewhere."
    )
    max_still_share: float = Field(ge=0, le=1, description="Of clips, those with no sound event.")


class FrontendParams(Section):
    mel_bins: int = Field(gt=0)
    fft_window: int = Field(gt=0, description="Samples in one Hann window.")
    hop_length: int = Field(gt=0, description="Samples between frames.")
    fmin_hz: float = Field(ge=0)
    fmax_hz: float = Field(gt=0)
    precision: Literal["float64", "float32"] = Field(
        description="Of the mel product and the logarithm; the Fourier transform is float64 in both, and both equal the "
        "extractor to 1e-5 dB."
    )


class ModelParams(Section):
    init: str = Field(description="`scratch`, or a hub id or folder of a ClapModel to start from.")
    init_audio: str = Field(description="A hub id or folder whose audio tower to start from instead; '' = as `init`.")
    init_text: str = Field(description="The same for the text tower: a ClapModel, or a RoBERTa like roberta-base.")
    tokenizer: str = Field(description="`trained` = made from the training captions; or a hub id or folder.")
    vocab_size: int = Field(gt=0, description="Of a trained tokenizer.")
    max_tokens: int = Field(gt=0)
    projection_dim: int = Field(gt=0, description="Width of the joint space.")
    spec_size: int = Field(gt=0)
    window_size: int = Field(gt=0)
    audio_width: int = Field(
        gt=0, description="Patch embedding width of the first HTS-AT stage; it doubles each stage."
    )
    audio_depths: list[int]
    audio_heads: list[int]
    text_width: int = Field(gt=0)
    text_layers: int = Field(gt=0)
    text_heads: int = Field(gt=0)
    dropout: float = Field(ge=0, lt=1)
    audio_initializer_factor: float = Field(
        gt=0, description="transformers' initial weights fit widths of 768; narrow towers need more."
    )
    text_initializer_factor: float = Field(gt=0, description="The same for the text tower.")
    precision: Literal["float32", "bfloat16"] = Field(
        description="What the towers compute in while training; weights, loss and what is published stay float32."
    )
    checkpoint_activations: bool = Field(
        description="Keep only each stage's input and compute the rest again in backward: slower, far less memory."
    )
    compile: bool = Field(description="torch.compile both towers: minutes at the start; no gain on CPUs.")


class PretrainParams(Section):
    seed: int
    steps: int = Field(gt=0, description="Optimiser steps.")
    global_batch_size: int = Field(gt=1, description="Pairs per step over all workers.")
    learning_rate: float = Field(gt=0)
    warmup_steps: int = Field(ge=0, description="Linear from 0; cosine to 0 after.")
    weight_decay: float = Field(ge=0)
    max_gradient_norm: float = Field(gt=0)
    micro_batch_size: int = Field(
        ge=0,
        description="Pairs encoded at a time by one worker, the gradient being that of the whole batch; 0 = all at once.",
    )
    parts: int = Field(
        ge=0,
        description="Equal parts of the global batch, each encoded alone, whose gradients are added in order: any number of "
        "workers up to it trains the same bits. 0 = each worker's rows are a part, summed as the network likes.",
    )
    loss: Literal["infonce", "siglip"] = Field(
        description="CLIP's softmax over the batch, or SigLIP's sigmoid per pair."
    )
    mask: Literal["none", "species", "caption"] = Field(
        description="Pairs that share this are no negatives of each other."
    )
    max_logit_scale: float = Field(gt=0, description="Upper bound of exp(logit scale).")
    augment_roll: bool = Field(
        description="Rotate a clip's frames by a random amount: where a call falls in its window is chance."
    )
    augment_gain_db: float = Field(
        ge=0, description="Shift a clip's level by up to this, up or down: so is the distance."
    )
    augment_mixup: float = Field(
        ge=0,
        le=1,
        description="Share of clips laid over a quieter clip of the training set; the caption stays the louder's.",
    )
    augment_mixup_snr_db: tuple[float, float] = Field(
        description="By how much the clip is louder than what it is laid over: drawn between these."
    )
    augment_noise: float = Field(ge=0, le=1, description="Share of clips to which coloured noise is added.")
    augment_noise_snr_db: tuple[float, float] = Field(description="Its level below the clip's: drawn between these.")
    augment_time_masks: int = Field(ge=0, description="SpecAugment: stretches of frames blanked in a clip.")
    augment_time_mask_frames: int = Field(ge=0, description="The longest of them.")
    augment_mel_masks: int = Field(ge=0, description="SpecAugment: ranges of mel bins blanked in a clip.")
    augment_mel_mask_bins: int = Field(ge=0, description="The widest of them.")
    batch_norm: Literal["frozen", "global"] = Field(
        description="Statistics of the mel BatchNorm: set once, or those of each global batch as in stock training."
    )
    batch_norm_clips: int = Field(
        gt=0, description="Training clips that set the frozen statistics, or where the running ones begin."
    )
    recordings_share: float = Field(gt=0, le=1, description="Share of the training recordings to learn from; 1 = all.")
    species_share: float = Field(gt=0, le=1, description="Share of the training species to learn from; 1 = all.")
    subset_seed: int = Field(
        description="Draws both shares; a smaller share lies within a larger one of the same seed."
    )
    without_dumps: list[str] = Field(description="Dumps not to learn from; test recordings of them stay.")
    caption_weights: dict[CaptionKind, NonNegativeFloat] = Field(
        description="How often a pair shows a caption of a kind, against the 1 of kinds not named; {} = all captions alike."
    )
    caption_kinds: list[CaptionKind] = Field(
        description="Kinds of captions to learn from; [] = all. A pair that has none of them is left out."
    )
    model_captions: bool = Field(
        description="Learn from captions that a language model wrote, or the simulated world's recorded answers, too."
    )
    name_dropout: float = Field(
        ge=0, le=1, description="Share of captions, drawn at each visit, in which the species' name is `an animal`."
    )
    balance: Literal["none", "species", "genus", "family", "order", "class"] = Field(
        description="Show each of these equally often in an epoch of as many pairs; none = each pair once."
    )
    checkpoint_every: int = Field(gt=0, description="Steps between checkpoints.")
    log_every: int = Field(gt=0, description="Steps between lines of the loss curve.")


class EvaluateParams(Section):
    model: str = Field(description="models/clap, another folder, or a hub id.")
    tasks: list[str] = Field(description="Keys of BENCHMARKS.")
    prompt_template: str = Field(
        description="The class prompt; {common_name}, {a_common_name} or {scientific_name} is filled in."
    )
    bootstrap: int = Field(gt=0, description="Resamples behind an interval.")
    class_names: str = Field(description="For the task species_1143: the file of its class names; '' = none.")
    threshold_clips: int = Field(
        gt=0, description="Most clips of the validation split that are embedded to set a threshold."
    )
    altered_recordings: int = Field(
        gt=0, description="Most recordings of an origin that animalspeak_robustness alters."
    )
    seed: int


class ReevaluateParams(Section):
    margin: float = Field(ge=0, description="A difference within this is no difference.")
    min_new: int = Field(gt=0, description="Fewer new test recordings (or queries) than this give no verdict.")
    retrain_new_species: int = Field(gt=0, description="As many new species advise training again.")
    retrain_new_share: float = Field(gt=0, description="As many more recordings, as a share, advise training again.")


class ReleaseParams(Section):
    name: str = Field(pattern=TAG_NAME, description="The model's name: on its card, and in its version tags.")
    dataset: str = Field(pattern=TAG_NAME, description="The dataset's name in its version tags.")
    max_mean_cosine: float = Field(
        gt=0,
        le=1,
        description="A tower whose embeddings of unrelated sounds, or captions, are on average more alike is collapsed.",
    )
    parity_tolerance: float = Field(
        gt=0, description="Largest difference allowed between the checkpoint's embeddings and the release's, reloaded."
    )
    max_regression: float = Field(
        ge=0, description="How far a task's primary value may fall below the last version's, on sounds of one origin."
    )


class Params(Section):
    simulate: SimulateParams
    ingest: IngestParams
    caption: CaptionParams
    assemble: AssembleParams
    validate_: ValidateParams = Field(alias="validate")
    frontend: FrontendParams
    model: ModelParams
    pretrain: PretrainParams
    evaluate: EvaluateParams
    reevaluate: ReevaluateParams
    release: ReleaseParams
    dumps: dict[str, DumpRow]


def load(path: Path) -> Params:
    """params.yaml as Params. ValueError: one line per fault, naming the key, what came, and the nearest known key."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        values = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except YAMLError as error:
        raise ValueError(f"{path.name} is not YAML: {' '.join(str(error).split())}") from error
    try:
        return Params.model_validate(values)
    except ValidationError as error:
        raise ValueError("; ".join(_fault(path, values, fault) for fault in error.errors())) from error


def _fault(path: Path, values: dict, fault: dict) -> str:
    key = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        known = _known_keys(fault["loc"][:-1])
        near = difflib.get_close_matches(str(fault["loc"][-1]), known, n=1)
        remedy = f"Did you mean {near[0]!r}?" if near else f"Known keys here: {', '.join(known)}."
        return f"{path.name}: {key} is not a known key. {remedy}"
    if fault["type"] == "missing":
        return (
            f"{path.name}: {key} is missing. Every key has a value there; see biolingual/params.py for what it means."
        )
    return f"{path.name}: {key} = {fault['input']!r}: {fault['msg']}."


def _known_keys(loc: tuple) -> list[str]:
    section: type[BaseModel] = Params
    for part in loc:
        if section is Params and loc[0] == "dumps":
            return list(DumpRow.model_fields)
        found = {field.alias or name: field for name, field in section.model_fields.items()}[part]
        section = found.annotation
    return [field.alias or name for name, field in section.model_fields.items()]
