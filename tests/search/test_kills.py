"""An indexing run killed with SIGKILL at ten random moments ends with the index of the undisturbed run, byte by byte."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
import soundfile

from tests.search.conftest import ROOT, noise
from tests.search.test_indexing import contents

pytestmark = pytest.mark.slow
KILLS = 10
FILES = 60


def start(recordings, out, model, flush_s: str = "0.2") -> subprocess.Popen:
    """`biolingual index`, with a journal that is written often, in a process group of its own."""
    code = (
        f"import biolingual.search.indexing as indexing; indexing.FLUSH_S = {flush_s}; import sys; "
        f"sys.argv = ['biolingual', 'index', {str(recordings)!r}, '--out', {str(out)!r}, '--model', {str(model)!r}]; "
        "from biolingual.cli import main; main()"
    )
    values = {**os.environ, "PYTHONPATH": str(ROOT), "BIOLINGUAL_WORKERS": "1"}
    return subprocess.Popen([sys.executable, "-c", code], env=values, start_new_session=True, stdout=subprocess.DEVNULL)


def test_ten_kills_leave_the_index_that_none_leaves(model_folder, tmp_path):
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    for number in range(FILES):
        soundfile.write(recordings / f"A_202605{number % 28 + 1:02d}_{number:06d}.wav", noise(20.0, seed=number), 48000)
    (recordings / "broken.wav").write_bytes(b"RIFF")
    begun = time.monotonic()
    assert start(recordings, tmp_path / "whole", model_folder).wait() == 0
    whole_s = time.monotonic() - begun
    draw, out, kept = random.Random(7), tmp_path / "killed", []
    for _ in range(KILLS):
        running = start(recordings, out, model_folder)
        time.sleep(draw.uniform(0.3, 0.9) * whole_s)
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        kept.append(len(list(out.glob("journal/*/*.facts.npz"))))
        if (out / "index.json").exists():  # done before it was killed: the next begins anew
            assert contents(out) == contents(tmp_path / "whole") or (out / "journal").exists()
            shutil.rmtree(out)
    assert any(kept), "no kill met a run with something to lose"
    assert start(recordings, out, model_folder).wait() == 0
    assert contents(out) == contents(tmp_path / "whole")
    assert not list(out.glob(".*part")) and not list(out.glob("journal"))
