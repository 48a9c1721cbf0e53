"""The caption stage as a process: killed in the middle and started again; and a language model's real server."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest

from biolingual.captioning import chat
from biolingual.captioning.endpoint import Endpoint
from biolingual.params import load
from biolingual.records import Caption, Recording
from biolingual.tabular import rows, write_rows
from tests.captioning.scripted_server import KEY, good, recordings, serving
from tests.small_world import ROOT, change_params

AT_ONCE, RECORDINGS = 16, 200


@pytest.fixture
def project(tmp_path) -> Path:
    """A folder with params.yaml for the chat captioner and a manifest of recordings whose remarks say more."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    change_params(tmp_path, {"caption": {"captioner": "chat", "model": "scripted"}})
    write_rows(recordings(RECORDINGS), Recording, tmp_path / "manifests/recordings.parquet")
    return tmp_path


def stage(project: Path, url: str, *further: str) -> subprocess.Popen:
    words = ["--manifests", "manifests", "--out", "captions.parquet", "--report", "report.json", *further]
    told = {"URL": url, "KEY": KEY, "AT_ONCE": str(AT_ONCE), "ANSWERS": "answers.sqlite", "USD": "0.5,1.5"}
    return subprocess.Popen(
        [sys.executable, "-m", "stages.caption", *words],
        cwd=project,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            **{f"BIOLINGUAL_CHAT_{name}": value for name, value in told.items()},
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def kept(project: Path) -> int:
    try:
        with sqlite3.connect(project / "answers.sqlite", timeout=10) as db:
            return db.execute("SELECT count(*) FROM answers").fetchone()[0]
    except sqlite3.OperationalError:
        return 0


def test_after_a_kill_no_kept_answer_is_asked_for_again(project):
    with serving(lambda i, a, n: good(i, a), delay_s=0.05) as server:
        first = stage(project, server.url)
        while kept(project) < RECORDINGS // 4 and first.poll() is None:
            time.sleep(0.01)
        first.send_signal(signal.SIGKILL)
        first.communicate()
        assert first.returncode == -signal.SIGKILL and not (project / "captions.parquet").exists()
        known, asked = kept(project), Counter(server.asked)
        assert RECORDINGS // 4 <= known < RECORDINGS
        second = stage(project, server.url)
        told, _ = second.communicate(timeout=120)
        assert second.returncode == 0, told
        repeats = server.asked.total() - RECORDINGS
    assert asked.total() - known <= AT_ONCE, "more was in flight at the kill than may be"
    assert max(server.asked.values()) <= 2 and repeats == asked.total() - known <= AT_ONCE
    assert f"{RECORDINGS - known} asked" in told and f"{known} from the cache" in told and KEY not in told
    written = rows(project / "captions.parquet", Caption)
    described = [one for one in written if one.kind == "descriptive"]
    assert len(described) == RECORDINGS and {one.status for one in written} == {"ok"}
    third = stage(project, "http://127.0.0.1:9/v1", "--offline")
    assert third.communicate()[0] and third.returncode == 0
    assert rows(project / "captions.parquet", Caption) == written


def test_offline_with_an_empty_cache_is_one_line_and_no_output(project):
    ran = stage(project, "http://127.0.0.1:9/v1", "--offline")
    told, _ = ran.communicate()
    assert ran.returncode == 1 and "ERROR caption: offline: 200 of 200 recordings" in told.splitlines()[-1]
    assert not (project / "captions.parquet").exists()


def tiny_language_model(folder: Path) -> None:
    """A causal language model with random weights and a tokenizer of its own: it speaks, and says nothing."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer, bpe.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    texts = [path.read_text() for path in (ROOT / "biolingual/captioning/prompts").iterdir()]
    specials = ["<pad>", "<s>", "</s>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=600, special_tokens=specials, initial_alphabet=alphabet)
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, pad_token="<pad>", bos_token="<s>", eos_token="</s>")
    tokenizer.chat_template = (
        "{% for m in messages %}<s>{{ m['role'] }}: {{ m['content'] }}</s>{% endfor %}<s>assistant: "
    )
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    LlamaForCausalLM(LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=8192, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )).save_pretrained(folder)  # fmt: skip


@pytest.mark.slow
def test_a_real_transformers_server_is_asked_over_http(tmp_path, capsys):
    """Of the transport alone: the model's weights are random, so its answers are no captions."""
    tiny_language_model(tmp_path / "model")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = Path(sys.executable).parent / "transformers"
    log = open(tmp_path / "serve.log", "w")  # noqa: SIM115
    serve = subprocess.Popen(
        [command, "serve", str(tmp_path / "model"), "--port", str(port), "--host", "127.0.0.1", "--device", "cpu"],
        stdout=log,
        stderr=subprocess.STDOUT,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            if serve.poll() is not None:
                pytest.fail((tmp_path / "serve.log").read_text()[-2000:])
            try:
                if httpx.get(f"{url}/health", timeout=5).status_code == 200:
                    break
            except httpx.HTTPError:
                time.sleep(0.2)
        changes = {"model": str(tmp_path / "model"), "max_tokens": 24, "max_unanswered": 0.0}
        params = load(ROOT / "params.yaml").caption.model_copy(update=changes)
        endpoint = Endpoint(url=f"{url}/v1", at_once=4, answers=str(tmp_path / "answers.sqlite"))
        found = list(chat.captions(recordings(20), params, endpoint))
    finally:
        serve.terminate()
        serve.wait(30)
        log.close()
    statuses = Counter((rows[0].status, rows[0].reason) for rows in found)
    with capsys.disabled():
        print(f"\ntransformers serve, random weights, 20 recordings: {dict(statuses)}")
    assert len(found) == 20 and not any("http_" in reason or "connection" in reason for _, reason in statuses)
    with sqlite3.connect(tmp_path / "answers.sqlite") as db:
        count, tokens, empty = db.execute("SELECT count(*), sum(tokens_out), sum(text = '') FROM answers").fetchone()
    assert 20 <= count <= 40 and tokens > 0 and empty < count
