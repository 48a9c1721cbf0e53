"""What the model is worth while it trains, measured on fixed clips: held-out loss, similarities, retrieval, zero-shot.

Shapes: n clips, C species, D embedding.
"""

from __future__ import annotations

import numpy as np
import torch
from transformers import ClapModel

from biolingual.loss import alone
from biolingual.model import encode_audio, encode_text
from biolingual.params import PretrainParams
from biolingual.records import Pair
from biolingual.training.batches import Batch, PairBatches, species_of
from biolingual.training.loop import loss_of_embeds

ENCODED = 64  # clips at a time
WATCHED = 1024  # clips of a split, evenly spaced: enough for 0.03 at 95 %
SPECIES = 40  # of the fixed zero-shot subset
BINS = 40  # of the histograms over [-1, 1]


def watch(
    model: ClapModel,
    train: PairBatches,
    valid: PairBatches,
    params: PretrainParams,
    bias: torch.Tensor | None = None,
) -> dict:
    """Numbers of the validation split, and `train_r1`: the same retrieval among as many training clips.

    Clips are not varied, and each shows its common-name caption. {} where fewer than two validation pairs exist. The model
    is left in the mode it was in.
    """
    if len(valid.pairs) < 2:
        return {}
    training = model.training
    model.eval()
    chosen = evenly(len(valid.pairs), WATCHED)
    audio, text = embeds(model, valid, chosen)
    names = np.array([species_of(valid.pairs[index]) for index in chosen])
    loss = _held_out_loss(model, audio, text, params, bias)
    audio, text = audio.numpy(), text.numpy()
    similarity = text @ audio.T  # [n, n], texts ask
    known = evenly(len(train.pairs), len(chosen))
    train_audio, train_text = embeds(model, train, known)
    train_names = np.array([species_of(train.pairs[index]) for index in known])
    found = {
        "valid_loss": loss,
        **similarities(similarity, names),
        "t2a_r1": retrieved(similarity, names, 1),
        "t2a_r10": retrieved(similarity, names, 10),
        "t2a_chance": _shared(names),
        "train_r1": retrieved((train_text @ train_audio.T).numpy(), train_names, 1),
        "zero_shot_top1": zero_shot(audio, text, names),
        "audio_cosine": mean_cosine(audio, names),
        "text_cosine": mean_cosine(text, names),
        "clips": len(chosen),
        "species": len(set(names)),
    }
    model.train(training)
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in found.items()}


def evenly(n: int, most: int) -> np.ndarray:
    """At most `most` of 0..n-1, evenly spaced: the same ones each time."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(int))


@torch.no_grad()
def embeds(model: ClapModel, batches: PairBatches, indices: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """(audio [n, D], text [n, D]) of pairs on the CPU, normalised."""
    device = model.logit_scale_a.device
    audio, text = [], []
    for start in range(0, len(indices), ENCODED):
        part = indices[start : start + ENCODED]
        rows = [batches.row_of_text[common(batches.pairs[index])] for index in part]
        ids, mask = (torch.from_numpy(one[rows]).to(device) for one in (batches.input_ids, batches.attention_mask))
        audio.append(encode_audio(model, batches.mels(part).to(device)).float().cpu())
        text.append(encode_text(model, ids, mask).float().cpu())
    return torch.cat(audio), torch.cat(text)


def common(pair: Pair) -> str:
    """The caption that evaluation uses: the common name's, or the first."""
    return next((one.text for one in pair.captions if one.kind == "common"), pair.captions[0].text)


def _held_out_loss(
    model: ClapModel, audio: torch.Tensor, text: torch.Tensor, params: PretrainParams, bias: torch.Tensor | None
) -> float:
    """Mean loss over batches of the training's size in the pairs' order, same-species pairs as negatives."""
    unmasked = params.model_copy(update={"mask": "none"})
    losses, weights = [], []
    with torch.no_grad(), alone():
        for part in torch.arange(len(audio)).split(params.global_batch_size):
            if len(part) > 1:
                rows = [side[part].to(model.logit_scale_a.device) for side in (audio, text)]
                batch = Batch(*[torch.empty(0)] * 4, total=len(part))
                losses.append(float(loss_of_embeds(model, *rows, batch, unmasked, bias)))
                weights.append(len(part))
    return float(np.average(losses, weights=weights))


def similarities(similarity: np.ndarray, names: np.ndarray) -> dict:
    """Of `similarity` [n, n] (own pair on the diagonal): means and histograms of matched and of unmatched pairs, and `auc`:
    how often a matched pair is closer than an unmatched one. Two clips of one species are neither."""
    matched = similarity.diagonal()
    unmatched = np.sort(similarity[names[:, None] != names[None, :]])
    if len(unmatched) == 0:
        unmatched = np.zeros(1, similarity.dtype)
    below = (np.searchsorted(unmatched, matched, "left") + np.searchsorted(unmatched, matched, "right")) / 2
    edges = np.linspace(-1, 1, BINS + 1)
    return {
        "matched": float(matched.mean()),
        "unmatched": float(unmatched.mean()),
        "auc": float((below / len(unmatched)).mean()),
        "matched_histogram": np.histogram(matched.clip(-1, 1), edges)[0].tolist(),
        "unmatched_histogram": np.histogram(unmatched.clip(-1, 1), edges)[0].tolist(),
    }


def retrieved(similarity: np.ndarray, names: np.ndarray, k: int) -> float:
    """Share of queries (rows) with a clip of their species among the k nearest. Among equals the wrong ones come first."""
    same = names[:, None] == names[None, :]
    best = np.where(same, similarity, -np.inf).max(axis=1)
    ahead = ((similarity >= best[:, None]) & ~same).sum(axis=1)
    return float((ahead < k).mean())


def _shared(names: np.ndarray) -> float:
    """The chance that a clip drawn blindly is of the query's species."""
    return float((names[:, None] == names[None, :]).mean())


def zero_shot(audio: np.ndarray, text: np.ndarray, names: np.ndarray) -> float:
    """Top-1 of the clips of a fixed subset of species among the mean captions of these species."""
    known = sorted(set(names))
    subset = [known[index] for index in evenly(len(known), SPECIES)]
    classes = np.stack([text[names == name].mean(axis=0) for name in subset])  # [C, D]
    asked = np.isin(names, subset)
    best = (audio[asked] @ (classes / np.linalg.norm(classes, axis=1, keepdims=True)).T).argmax(axis=1)
    return float((np.array(subset)[best] == names[asked]).mean())


def mean_cosine(vectors: np.ndarray, names: np.ndarray) -> float:
    """Mean cosine between normalised vectors [n, D] of different species: near 1 = they all say the same; 0 for one species."""
    other = names[:, None] != names[None, :]
    return float((vectors @ vectors.T)[other].mean()) if other.any() else 0.0
