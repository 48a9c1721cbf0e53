"""Training steps and embeddings: our front end and fast model against transformers' processor and ClapModel."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from tests.bench.registry import Measured, compare, row

ROOT = Path(__file__).resolve().parents[2]
WORDS = ["Song", "Alarm call", "Call", "Flight call", "Drumming"]
CAPTIONS = [f"{WORDS[number % 5]} of a Dusky Velar, number {number}, with wind" for number in range(32)]


@dataclass
class World:
    """One model twice, its processor, and a batch: ours fast, theirs plain transformers' eager."""

    params: object
    ours: object
    theirs: object
    log_mel: object
    processor: object
    clips: list[np.ndarray]
    captions: list[str]


def _world(params_file: str, clips: int, dropout: float = 0.0) -> World:
    """Random weights at the sizes of a params file, and noise as long as its window."""
    from biolingual.fast_clap import slow_down
    from biolingual.frontend import LogMel
    from biolingual.model import build, processor, train_tokenizer
    from biolingual.params import load

    params = load(ROOT / params_file)
    changed = {"init": "scratch", "dropout": dropout}
    params = params.model_copy(update={"model": params.model.model_copy(update=changed)})
    torch.manual_seed(0)
    tokenizer = train_tokenizer(CAPTIONS, 800, params.model.max_tokens)
    ours = build(params.model, params.frontend.mel_bins, max(800, params.model.vocab_size))
    log_mel = LogMel.from_params(params.frontend, params.ingest.sample_rate_hz, params.ingest.clip_duration_s)
    draw = np.random.Generator(np.random.PCG64(0))
    sounds = [(0.1 * draw.standard_normal(log_mel.samples)).astype(np.float32) for _ in range(clips)]
    theirs = slow_down(copy.deepcopy(ours))
    return World(params, ours, theirs, log_mel, processor(log_mel, tokenizer), sounds, CAPTIONS[:clips])


def _our_step(world: World, from_waveforms: bool) -> Callable[[], object]:
    from biolingual.training import loop
    from biolingual.training.batches import Batch

    model, params = world.ours, world.params.pretrain
    optimiser = loop.optimizer(model, params)
    tokens = world.processor.tokenizer(world.captions, padding=True, return_tensors="pt")

    def mels() -> torch.Tensor:
        return world.log_mel(world.log_mel.pad(world.clips))

    ready = mels()
    loop.freeze_batch_norm(model, ready)
    loop.train_mode(model)

    def step() -> None:
        words = (
            world.processor.tokenizer(world.captions, padding=True, return_tensors="pt") if from_waveforms else tokens
        )
        batch = Batch(
            mels=mels() if from_waveforms else ready,
            input_ids=words["input_ids"],
            attention_mask=words["attention_mask"],
            labels=torch.arange(len(world.clips)),
        )
        loop.step(model, optimiser, batch, params.warmup_steps, params)

    return step


def _their_step(world: World, from_waveforms: bool) -> Callable[[], object]:
    """The step that transformers' documentation shows, with AdamW as torch makes it and clipped gradients."""
    model, params = world.theirs.train(), world.params.pretrain
    optimiser = torch.optim.AdamW(model.parameters(), lr=params.learning_rate, weight_decay=params.weight_decay)

    def inputs() -> dict:
        made = world.processor(
            audio=world.clips, text=world.captions, sampling_rate=48000, padding=True, return_tensors="pt"
        )
        return {name: value for name, value in made.items() if name != "is_longer"}

    ready = inputs()

    def step() -> None:
        optimiser.zero_grad()
        loss = model(**(inputs() if from_waveforms else ready), return_loss=True).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), params.max_gradient_norm)
        optimiser.step()
        loss.item()

    return step


def _train_step(name: str, world: World, kind: str, goal: float | None, rounds: int) -> Measured:
    steps = [make(world, kind == "waveforms") for make in (_our_step, _their_step)]
    return compare(f"{name}_from_{kind}", "pairs/s", len(world.clips), *steps, goal, rounds)


@row
def train_step_demo() -> Iterator[Measured]:
    """One optimiser step of the demo: 32 pairs."""
    for kind, goal in (("waveforms", 1.7), ("mels", 1.2)):
        yield _train_step("train_step_demo", _world("params.yaml", 32), kind, goal, rounds=15)


@row
def train_step_full() -> Iterator[Measured]:
    """The same of the 153 M model, 4 pairs of 10 s; then with the paper's dropout: ours is drawn per sample."""
    for name, dropout, goal in (("train_step_full", 0.0, 1.2), ("train_step_full_dropout", 0.1, None)):
        yield _train_step(name, _world("infra/params-animalspeak.yaml", 4, dropout), "mels", goal, rounds=3)


def _embed(name: str, params_file: str, clips: int, goals: tuple, rounds: int) -> Iterator[Measured]:
    from biolingual.model import EMBED_BATCH, Embedder

    world = _world(params_file, clips)
    ours = Embedder(world.ours.eval(), world.processor.tokenizer, world.log_mel, "none")
    theirs = world.theirs.eval()

    @torch.inference_mode()
    def their_audio() -> None:
        for at in range(0, clips, EMBED_BATCH):
            made = world.processor(audio=world.clips[at : at + EMBED_BATCH], sampling_rate=48000, return_tensors="pt")
            theirs.get_audio_features(input_features=made["input_features"])

    @torch.inference_mode()
    def their_text() -> None:
        theirs.get_text_features(**world.processor(text=world.captions, padding=True, return_tensors="pt"))

    yield compare(f"{name}_audio", "clips/s", clips, lambda: ours.audio(world.clips), their_audio, goals[0], rounds)
    yield compare(f"{name}_text", "texts/s", clips, lambda: ours.text(world.captions), their_text, goals[1], rounds)


@row
def embed() -> Iterator[Measured]:
    """`Embedder` from waveforms and sentences against processor and model in batches of as many: demo and full size."""
    yield from _embed("embed_demo", "params.yaml", 32, (2.0, None), rounds=9)
    yield from _embed("embed_full", "infra/params-animalspeak.yaml", 32, (None, None), rounds=2)


@row
def attention() -> Iterator[Measured]:
    """Why fast_towers' ATTENTION says what it says for this device: a demo step with matmul against one with SDPA."""
    from biolingual.fast_clap import Speed, speed_up

    world = _world("params.yaml", 32)
    ours = _our_step(world, from_waveforms=False)
    world.ours = speed_up(copy.deepcopy(world.ours), Speed(attention="sdpa"))
    yield compare("attention_matmul_sdpa", "pairs/s", 32, ours, _our_step(world, from_waveforms=False), None, rounds=9)
