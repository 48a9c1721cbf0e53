"""What a run is going to cost, before it is started: storage, files, hours, tokens, GPU hours, days of harvest. A forecast of
arithmetic; each line says from what."""

from __future__ import annotations

from dataclasses import dataclass

from biolingual.params import ModelParams, Params

FLAC_SHARE = 0.55  # of 16-bit PCM: what the demo's and real field recordings take
CAPTION_TOKENS = 450  # of a prompt with its answer, for a recording that a language model describes
DESCRIBED = 0.35  # share of recordings whose remarks hold more than fields
BACKWARD = 3  # forward and backward cost three times a forward pass
BLOCK = 12  # weights of a transformer block, in squares of its width: four of attention, eight of its feed-forward part
GPU_FLOPS = 100e12  # what a modern data-centre GPU sustains in bfloat16, a third of its peak
DOWNLOAD_S = 2.0  # a polite second between requests, and one of transfer
CAPTION_BYTES, ROW_BYTES = 350, 900


@dataclass(frozen=True)
class Line:
    """One forecast: what, how much, in which unit, from what; truth where a run has been."""

    what: str
    expected: float
    unit: str
    why: str
    truth: float | None = None


def flops_of_a_pair(model: ModelParams) -> float:
    """Multiplications and additions of one training pair: matrix products of both towers, forward and backward.

    HTS-AT (Chen et al., arXiv 2202.00874): its patches are a quarter, its width twice as many from stage to stage.
    """
    patches, width, total = (model.spec_size / 4) ** 2, model.audio_width, 0.0
    for depth in model.audio_depths:
        total += 2 * BLOCK * width**2 * depth * patches
        patches, width = patches / 4, 2 * width
    return BACKWARD * (total + 2 * BLOCK * model.text_width**2 * model.text_layers * model.max_tokens)


def forecast(params: Params, recordings: int) -> list[Line]:
    """The lines for a dataset of so many recordings."""
    own, clips = params.ingest, recordings * params.ingest.max_clips_per_recording
    hours = clips * own.clip_duration_s / 3600
    sound = clips * own.clip_duration_s * own.sample_rate_hz * 2 * FLAC_SHARE
    flops = params.pretrain.steps * params.pretrain.global_batch_size * flops_of_a_pair(params.model)
    described = recordings * DESCRIBED if params.caption.captioner != "template" else 0
    return [
        Line("recordings", recordings, "", "given, or what stands here"),
        Line("clips", clips, "", f"at most {own.max_clips_per_recording} of a recording"),
        Line("hours of clips", hours, "h", f"{own.clip_duration_s} s each"),
        Line("audio", sound / 1e9, "GB", f"16-bit FLAC at {own.sample_rate_hz} Hz, {FLAC_SHARE:.0%} of PCM"),
        Line("tables", recordings * (CAPTION_BYTES + ROW_BYTES) / 1e9, "GB", "manifests, captions and pairs"),
        Line(
            "shard files", max(1.0, sound / 1e6 / own.shard_size_mb), "", f"of {own.shard_size_mb} MB: what DVC tracks"
        ),
        Line("tokens", described * CAPTION_TOKENS, "", f"captioner {params.caption.captioner}"),
        Line(
            "GPU hours",
            flops / GPU_FLOPS / 3600,
            "h",
            f"{params.pretrain.steps} steps of {params.pretrain.global_batch_size}",
        ),
        Line(
            "days of harvest",
            recordings * DOWNLOAD_S / 86400,
            "d",
            "one request in two seconds, one host after another",
        ),
    ]


def with_truth(lines: list[Line], card: dict, audio_bytes: int, shards: int, table_bytes: int) -> list[Line]:
    """The lines beside what a run has made."""
    hours = sum(sum(told["hours"].values()) for told in card["by_origin"].values())
    truth = {
        "recordings": card["recordings"],
        "clips": card["clips"],
        "hours of clips": hours,
        "audio": audio_bytes / 1e9,
        "tables": table_bytes / 1e9,
        "shard files": shards,
    }
    return [Line(one.what, one.expected, one.unit, one.why, truth.get(one.what)) for one in lines]


def text(lines: list[Line]) -> str:
    """A table of the lines."""
    rows = [f"{'':<16} {'expected':>14} {'truth':>14}"]
    for one in lines:
        truth = "" if one.truth is None else _number(one.truth)
        rows.append(f"{one.what:<16} {_number(one.expected):>14} {truth:>14} {one.unit:<3} {one.why}")
    return "\n".join(rows)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"
