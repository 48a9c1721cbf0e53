"""What a hit sounds and looks like: a WAV and a spectrogram of a few seconds of a recording.

Shapes: T samples, F frames, K frequency bins.
"""

from __future__ import annotations

import io

import numpy as np
import soundfile

WIDTH, HEIGHT = 480, 160
RANGE_DB = 60.0
# Dark to light, each step as much lighter as the one before, so that grey prints tell the same.
COLOURS = np.array(
    [(5, 8, 18), (46, 26, 84), (122, 36, 112), (196, 62, 86), (240, 122, 62), (252, 196, 96), (252, 253, 210)]
)


def wav(waveform: np.ndarray, rate_hz: int) -> bytes:
    """[T] as a 16-bit WAV, raised to half of full scale so that a far animal is heard."""
    peak = float(np.abs(waveform).max(initial=0.0))
    buffer = io.BytesIO()
    soundfile.write(buffer, waveform * (0.5 / peak) if peak > 0 else waveform, rate_hz, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def spectrogram(waveform: np.ndarray, rate_hz: int) -> np.ndarray:
    """[T] -> [K, F] in dB below its loudest point, low frequencies last; Hann windows of 1024, linear in frequency."""
    window = 1024
    padded = np.pad(waveform, (0, max(0, window - len(waveform))))
    hop = max(1, (len(padded) - window) // WIDTH)
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
    power = np.abs(np.fft.rfft(frames * np.hanning(window), axis=1)) ** 2
    db = 10 * np.log10(power.T + 1e-12)
    return np.clip(db - db.max(), -RANGE_DB, 0.0)[::-1]


def png(waveform: np.ndarray, rate_hz: int) -> bytes:
    """The spectrogram of [T] up to half the rate as a PNG of WIDTH x HEIGHT."""
    from PIL import Image

    level = (spectrogram(waveform, rate_hz) + RANGE_DB) / RANGE_DB * (len(COLOURS) - 1)
    low = np.minimum(level.astype(int), len(COLOURS) - 2)
    share = (level - low)[..., None]
    picture = COLOURS[low] * (1 - share) + COLOURS[low + 1] * share
    buffer = io.BytesIO()
    Image.fromarray(picture.astype(np.uint8)).resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS).save(buffer, "PNG")
    return buffer.getvalue()
