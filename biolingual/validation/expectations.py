"""What must hold of a dataset version: each expectation with its reason. Thresholds come from params.yaml."""

from __future__ import annotations

from dataclasses import dataclass, field

from biolingual.params import AssembleParams, ValidateParams
from biolingual.records import CAPTION_KINDS, ORIGINS, SPLITS
from biolingual.validation import frames
from biolingual.validation.facts import facts

MARKUP = r"<[a-zA-Z/][^>]*>|&[a-z]+;|&#\d+;|https?://"
REFUSAL = (
    r"(?i)\bas an ai\b|language model|i(?:'|\u2019)m sorry|i cannot|i can(?:'|\u2019)t|unable to (?:provide|generate)"
)
DATE = r"^(?:|(?:1[89]|20)\d\d(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01]))?)?(?:[T/].*)?)$"
RANKS = ("", "species", "subspecies", "genus", "family", "order", "class", "phylum", "kingdom")


@dataclass(frozen=True)
class Expectation:
    """kind: the name of a Great Expectations class; `values`: its arguments; why: what a broken one means."""

    kind: str
    column: str
    why: str
    values: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Suite:
    """A frame with a key column, made when it is looked at, and what must hold of it."""

    name: str
    key: str
    frame: object
    expectations: list[Expectation]


def suites(found: frames.Source, params: ValidateParams, assemble: AssembleParams) -> list[Suite]:
    """Every suite, in the order they are reported."""
    import pandas as pd

    counted = facts(found)
    version = found.card["dataset_sha"][:12]

    def dataset():
        return pd.DataFrame([{"dataset": version, **counted}])

    return [
        Suite("recordings", "recording_id", lambda: frames.recordings(found), of_recordings()),
        Suite("captions", "recording_id", lambda: frames.captions(found), of_captions(params)),
        Suite("pairs", "clip_id", lambda: frames.clips(found), of_clips()),
        Suite("splits", "recording_id", lambda: frames.splits(found, assemble), of_splits()),
        Suite("licences", "recording_id", lambda: frames.licensed(found), of_licences(params)),
        Suite("taxonomy", "recording_id", lambda: frames.taxa(found), of_taxa()),
        Suite("audio quality", "recording_id", lambda: frames.audio(found), of_audio(params)),
        Suite("leakage", "recording_id", lambda: frames.leakage(found), of_leakage()),
        Suite("dataset", "dataset", dataset, of_dataset(params)),
    ]


def of_recordings() -> list[Expectation]:
    return [
        unique("recording_id", "a recording stands in the dataset once"),
        within("origin", "origin is real or simulated", ORIGINS[:2]),
        true("id_tells_origin", "simulated ids, and only they, begin with simulated:"),
        true("has_a_name", "every recording has a name"),
        true("is_of_a_dump", "every recording is of a dump on the card"),
        true("has_captions", "every recording has a caption"),
        between("latitude", "a latitude is in range", -90, 90),
        between("longitude", "a longitude is in range", -180, 180),
        matches("event_date", "a date is a year, month or day since 1800, or unknown", DATE),
    ]


def of_captions(params: ValidateParams) -> list[Expectation]:
    return [
        Expectation(
            "ExpectColumnValueLengthsToBeBetween",
            "text",
            "a caption has a sensible length",
            {"min_value": 3, "max_value": params.max_caption_chars},
        ),
        within("kind", "the kind is known", CAPTION_KINDS),
        within("status", "refused captions are not trained on", ("ok", "fallback")),
        matches("captioner", "who wrote a caption is told", r"\S"),
        lacks("text", "no markup or address in a caption", MARKUP),
        lacks("text", "no refusal or apology of a language model in a caption", REFUSAL),
        matches("text", "a caption begins and ends with a word or its full stop", r"(?s)^\S.*\S$"),
        true("names_its_species", "a caption names the species of its recording"),
        true("is_told_once", "no caption stands twice on a recording"),
    ]


def of_clips() -> list[Expectation]:
    return [
        unique("clip_id", "a clip stands in the dataset once"),
        true("is_of_its_recording", "a clip's id begins with its recording's"),
        between("duration_s", "a clip has a length", 0, 60, strict_min=True),
        between("offset_s", "a clip begins inside its recording", 0),
        between("activity", "activity is a share", 0, 1),
        between("byte_length", "a clip has bytes in its shard", 40),
        between("byte_offset", "a clip lies behind its header in the shard", 512),
        true("lies_alone", "no two clips lie at one place of a shard"),
        matches("shard_sha256", "every shard is pinned by its hash", r"^[0-9a-f]{64}$"),
        matches("shard_md5", "every shard has its address in the remote", r"^[0-9a-f]{32}$"),
    ]


def of_splits() -> list[Expectation]:
    return [
        within("split", "the split is one of six", SPLITS),
        true("split_is_the_rules", "every recording lies where the split rule puts it"),
        true("cell_is_the_rules", "every recording's cell is what the split was drawn for"),
    ]


def of_licences(params: ValidateParams) -> list[Expectation]:
    return [
        matches("license", "every recording has a licence", r"\S"),
        true("is_a_known_licence", "the licence is one we can read"),
        true("allows_clips", "no licence forbids derivatives, which a clip is"),
        Expectation(
            "ExpectColumnValuesToBeInSet",
            "can_be_attributed",
            "who asks to be named is named, or has an address",
            {"value_set": [True], "mostly": 1 - params.max_uncredited_share},
        ),
    ]


def of_taxa() -> list[Expectation]:
    return [
        within("rank", "the rank is a rank", RANKS),
        true("is_a_binomial", "a species has a name of two words"),
        true("is_of_its_genus", "a species' name begins with its genus"),
    ]


def of_audio(params: ValidateParams) -> list[Expectation]:
    return [
        matches("audio_sha256", "every sound has its hash", r"\S"),
        true("sounds_once", "no sound stands under two ids, so in two splits neither"),
        between(
            "source_sample_rate_hz",
            "a sample rate is one of microphones",
            params.min_source_rate_hz,
            params.max_source_rate_hz,
        ),
    ]


def of_leakage() -> list[Expectation]:
    return [true("is_in_no_benchmark", "nothing that a benchmark holds is trained on")]


def of_dataset(params: ValidateParams) -> list[Expectation]:
    return [
        between("recordings", "the dataset is not smaller than it should be", params.min_recordings),
        between("train_species", "enough species to train on", params.min_train_species),
        between("train_share", "most is there to train on", params.min_train_share),
        between("rejected_share", "not too much of the dumps is rejected", high=params.max_rejected_share),
        between("records_unaccounted_for", "every input record is a recording or a reason", 0, 0),
        between("top_species_share", "no species floods training", high=params.max_species_share),
        between("top_caption_share", "no caption floods the dataset", high=params.max_caption_share),
        between("fallback_share", "captions are seldom stand-ins", high=params.max_fallback_share),
        between("cells_in_two_splits", "no recordist-day lies in two splits", high=0),
        between("sources_in_two_splits", "no cuts of one recording lie in two splits", high=0),
        between("held_out_species_in_train", "held-out species are not trained on", high=0),
        between("noncommercial_share", "not too much is non-commercial", high=params.max_noncommercial_share),
        between("unresolved_share", "not too many names are unresolved", high=params.max_unresolved_share),
        between("genera_in_two_families", "few genera stand in two families", high=params.max_genera_in_two_families),
        between("benchmarks", "as many benchmarks were compared as should be", params.min_benchmarks),
        between(
            "shared_days_share",
            "few test recordings share a recordist's day with train",
            high=params.max_shared_days_share,
        ),
        between("still_share", "few clips are without any sound event", high=params.max_still_share),
    ]


def unique(column: str, why: str) -> Expectation:
    return Expectation("ExpectColumnValuesToBeUnique", column, why)


def within(column: str, why: str, values: tuple) -> Expectation:
    return Expectation("ExpectColumnValuesToBeInSet", column, why, {"value_set": list(values)})


def true(column: str, why: str) -> Expectation:
    return within(column, why, (True,))


def matches(column: str, why: str, regex: str) -> Expectation:
    return Expectation("ExpectColumnValuesToMatchRegex", column, why, {"regex": regex})


def lacks(column: str, why: str, regex: str) -> Expectation:
    return Expectation("ExpectColumnValuesToNotMatchRegex", column, why, {"regex": regex})


def between(column: str, why: str, low: float | None = None, high: float | None = None, **further: bool) -> Expectation:
    return Expectation("ExpectColumnValuesToBeBetween", column, why, {"min_value": low, "max_value": high, **further})
