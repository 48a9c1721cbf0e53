"""Great Expectations suites over the recordings, captions and pairs of a dataset version. The only user of that library."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass

from biolingual import telemetry
from biolingual.params import ValidateParams
from biolingual.records import CAPTION_KINDS, ORIGINS, SPLITS, Pair

SAMPLE = 10  # failing rows shown for one expectation
MARKUP = r"<[a-zA-Z/][^>]*>|&[a-z]+;|&#\d+;|https?://"


@dataclass(frozen=True)
class Finding:
    """The outcome of one expectation. failing: ids of rows that break it (all of them); shown: the values of the first."""

    suite: str
    expectation: str
    why: str
    passed: bool
    observed: str
    failing: list[str]
    shown: list[str]


def check(pairs: list[Pair], card: dict, params: ValidateParams) -> list[Finding]:
    """Run every suite; one Finding for each expectation, in a fixed order."""
    telemetry.switch_off()
    import great_expectations as gx
    import pandas as pd

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_pandas("animalspeak")
    findings = []
    for name, (key, rows, expectations) in suites(pairs, card, params).items():
        frame = pd.DataFrame(rows)
        batch = (
            source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
        )
        suite = gx.ExpectationSuite(name)
        for expectation in expectations:
            suite.add_expectation(expectation)
        report = batch.validate(
            suite, result_format={"result_format": "COMPLETE", "unexpected_index_column_names": [key]}
        )
        findings += [_finding(name, key, result) for result in report.results]
    return findings


def suites(pairs: list[Pair], card: dict, params: ValidateParams) -> dict[str, tuple[str, list[dict], list]]:
    """Suite name -> (key column, rows, expectations)."""
    # Clips of one recording that disagree about it stay apart, so that its id is seen twice.
    told = {
        (one.recording_id, one.split, one.origin, one.license, one.scientific_name, str(one.captions)): one
        for one in pairs
    }
    recordings = list(told.values())
    return {
        "recordings": ("recording_id", _recording_rows(recordings), _recording_expectations()),
        "captions": ("recording_id", _caption_rows(recordings), _caption_expectations(params)),
        "pairs": ("clip_id", _pair_rows(pairs), _pair_expectations()),
        "dataset": ("dataset", [_facts(pairs, recordings, card)], _dataset_expectations(params)),
    }


def _recording_rows(recordings: list[Pair]) -> list[dict]:
    columns = (
        "recording_id",
        "origin",
        "dump",
        "archive",
        "scientific_name",
        "license",
        "latitude",
        "longitude",
        "split",
    )
    rows = []
    for one in recordings:
        row = {name: getattr(one, name) for name in columns}
        row["id_tells_origin"] = one.recording_id.startswith("simulated:") == (one.origin == "simulated")
        row["has_a_name"] = bool(one.scientific_name or one.common_name)
        rows.append(row)
    return rows


def _recording_expectations() -> list:
    import great_expectations.expectations as gxe

    return [
        gxe.ExpectColumnValuesToBeUnique(column="recording_id", meta={"why": "a recording stands in the dataset once"}),
        gxe.ExpectColumnValuesToBeInSet(
            column="origin", value_set=list(ORIGINS[:2]), meta={"why": "origin is real or simulated"}
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="id_tells_origin",
            value_set=[True],
            meta={"why": "simulated ids, and only they, begin with simulated:"},
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="has_a_name", value_set=[True], meta={"why": "every recording has a name"}
        ),
        gxe.ExpectColumnValuesToMatchRegex(
            column="license", regex=r"\S", meta={"why": "every recording has a licence"}
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="latitude", min_value=-90, max_value=90, meta={"why": "a latitude is in range"}
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="longitude", min_value=-180, max_value=180, meta={"why": "a longitude is in range"}
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="split", value_set=list(SPLITS), meta={"why": "the split is one of four"}
        ),
    ]


def _caption_rows(recordings: list[Pair]) -> list[dict]:
    rows = []
    for one in recordings:
        for caption in one.captions:
            name = {"common": one.common_name, "scientific": one.scientific_name}.get(caption.kind, "")
            rows.append(
                {
                    "recording_id": one.recording_id,
                    "kind": caption.kind,
                    "text": caption.text,
                    "status": caption.status,
                    "names_its_species": name.lower() in caption.text.lower(),
                }
            )
    return rows


def _caption_expectations(params: ValidateParams) -> list:
    import great_expectations.expectations as gxe

    return [
        gxe.ExpectColumnValueLengthsToBeBetween(
            column="text",
            min_value=3,
            max_value=params.max_caption_chars,
            meta={"why": "a caption has a sensible length"},
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="kind", value_set=list(CAPTION_KINDS), meta={"why": "the kind is known"}
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="status", value_set=["ok", "fallback"], meta={"why": "refused captions are not trained on"}
        ),
        gxe.ExpectColumnValuesToNotMatchRegex(
            column="text", regex=MARKUP, meta={"why": "no markup or address in a caption"}
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="names_its_species", value_set=[True], meta={"why": "a caption names the species of its recording"}
        ),
    ]


def _pair_rows(pairs: list[Pair]) -> list[dict]:
    columns = ("clip_id", "offset_s", "duration_s", "activity", "byte_offset", "byte_length", "shard_sha256")
    return [{name: getattr(pair, name) for name in columns} for pair in pairs]


def _pair_expectations() -> list:
    import great_expectations.expectations as gxe

    return [
        gxe.ExpectColumnValuesToBeUnique(column="clip_id", meta={"why": "a clip stands in the dataset once"}),
        gxe.ExpectColumnValuesToBeBetween(
            column="duration_s", min_value=0, strict_min=True, max_value=60, meta={"why": "a clip has a length"}
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="offset_s", min_value=0, meta={"why": "a clip begins inside its recording"}
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="activity", min_value=0, max_value=1, meta={"why": "activity is a share"}
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="byte_length", min_value=40, meta={"why": "a clip has bytes in its shard"}
        ),
        gxe.ExpectColumnValuesToMatchRegex(
            column="shard_sha256", regex=r"^[0-9a-f]{64}$", meta={"why": "every shard is pinned by its hash"}
        ),
    ]


def _facts(pairs: list[Pair], recordings: list[Pair], card: dict) -> dict:
    splits_of_cell, splits_of_audio = defaultdict(set), defaultdict(set)
    for one in recordings:
        if one.split != "test_unseen":  # a cell may hold a held-out species beside a seen one
            splits_of_cell[one.cell].add(one.split)
        splits_of_audio[one.audio_sha256].add(one.split)
    unseen = {one.scientific_name for one in recordings if one.split == "test_unseen"}
    texts = Counter(text for one in recordings for text in {caption.text for caption in one.captions})
    rejected = sum(dump["rejected"] for dump in card["dumps"].values()) + sum(card["rejected"].values())
    seen = sum(dump["recordings"] + dump["rejected"] for dump in card["dumps"].values())
    trained = [one for one in recordings if one.split == "train"]
    return {
        "dataset": card["dataset_sha"][:12],
        "recordings": len(recordings),
        "train_species": len({one.scientific_name for one in trained if one.rank == "species"}),
        "rejected_share": rejected / max(1, seen),
        "top_caption_share": max(texts.values(), default=0) / max(1, len(recordings)),
        "cells_in_two_splits": sum(len(splits) > 1 for splits in splits_of_cell.values()),
        "sounds_in_two_splits": sum(len(splits) > 1 for splits in splits_of_audio.values()),
        "held_out_species_in_train": len(unseen & {one.scientific_name for one in trained}),
        "records_unaccounted_for": seen - rejected - len(recordings),
    }


def _dataset_expectations(params: ValidateParams) -> list:
    import great_expectations.expectations as gxe

    def between(column: str, why: str, low: float | None = None, high: float | None = None):
        return gxe.ExpectColumnValuesToBeBetween(column=column, min_value=low, max_value=high, meta={"why": why})

    return [
        between("recordings", "the dataset is not smaller than it should be", low=params.min_recordings),
        between("train_species", "enough species to train on", low=params.min_train_species),
        between("rejected_share", "not too much of the dumps is rejected", high=params.max_rejected_share),
        between("top_caption_share", "no caption floods the dataset", high=params.max_caption_share),
        between("cells_in_two_splits", "no recordist-day lies in two splits", high=0),
        between("sounds_in_two_splits", "no sound lies in two splits", high=0),
        between("held_out_species_in_train", "held-out species are not trained on", high=0),
        between("records_unaccounted_for", "every input record is a recording or a reason", low=0, high=0),
    ]


def _finding(suite: str, key: str, result) -> Finding:
    config = result.expectation_config
    found = result.result or {}
    rows = found.get("unexpected_index_list") or []
    column = config.kwargs["column"]
    error = (result.exception_info or {}).get("exception_message")
    count = found.get("element_count", 0)
    observed = error or (
        f"{found['unexpected_count']} of {count} rows break it" if count else "there is no row to look at"
    )
    return Finding(
        suite=suite,
        expectation=f"{config.type}({column})",
        why=config.meta["why"],
        passed=bool(result.success),
        observed=str(observed),
        failing=[str(row[key]) for row in rows],
        shown=[f"{row[key]}: {column} = {row[column]!s:.80}" for row in rows[:SAMPLE]],
    )


def as_report(findings: list[Finding], card: dict) -> dict:
    """reports/validation.json: the counts DVC shows as metrics, then every finding with a sample of its failing rows."""
    failed = [finding for finding in findings if not finding.passed]
    return {
        "passed": not failed,
        "dataset_sha": card["dataset_sha"],
        "expectations": len(findings),
        "failed": len(failed),
        "recordings": card["recordings"],
        "clips": card["clips"],
        "findings": [{**asdict(finding), "failing": len(finding.failing)} for finding in findings],
    }
