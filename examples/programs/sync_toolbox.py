"""Sync Toolbox as an aligner: MrMsDTW on chroma and onsets, in an environment of its own.

Sync Toolbox 1.4 wants numpy < 2 and an old pandas, align-bench wants numpy 2. So it gets its own environment,
and align-bench runs it as a program; the table is in align-bench.toml::

    python -m venv sync-venv && sync-venv/bin/pip install synctoolbox "numpy<2"
    align-bench check --aligner sync-toolbox

The steps are those of the toolbox's own notebook on audio and scores. M. Müller, Y. Özer, M. Krause,
T. Prätzlich, J. Driedger: "Sync Toolbox: a Python package for efficient, robust, and accurate music
synchronization", JOSS 6(64), 2021.
"""

import sys

import numpy as np
import pandas
import soundfile
import soxr
from synctoolbox.dtw.mrmsdtw import sync_via_mrmsdtw
from synctoolbox.dtw.utils import make_path_strictly_monotonic
from synctoolbox.feature.chroma import pitch_to_chroma, quantize_chroma
from synctoolbox.feature.csv_tools import df_to_pitch_features, df_to_pitch_onset_features
from synctoolbox.feature.dlnco import pitch_onset_features_to_DLNCO
from synctoolbox.feature.pitch import audio_to_pitch_features
from synctoolbox.feature.pitch_onset import audio_to_pitch_onset_features
from synctoolbox.feature.utils import estimate_tuning

FS, FEATURE_RATE = 22050, 50  # Hz
STEP_WEIGHTS = np.array([1.5, 1.5, 2.0])


def score_features(file: str) -> tuple[np.ndarray, np.ndarray]:
    """Return chroma and decaying onset features of the notes, each of shape (12, n_frames)."""
    notes = pandas.read_csv(file).rename(columns={"start_s": "start", "end_s": "end"})
    notes = notes[notes.pitch.between(21, 108)].assign(instrument="piano")
    notes["duration"] = notes.end - notes.start
    notes["velocity"] = notes.velocity / 127
    chroma = quantize_chroma(pitch_to_chroma(df_to_pitch_features(notes, feature_rate=FEATURE_RATE)))
    onsets = df_to_pitch_onset_features(notes)
    return chroma, pitch_onset_features_to_DLNCO(onsets, chroma.shape[1], FEATURE_RATE)


def audio_features(file: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the same of a recording."""
    samples, rate = soundfile.read(file)
    samples = soxr.resample(samples, rate, FS)
    tuning = estimate_tuning(samples, FS)
    pitch = audio_to_pitch_features(samples, FS, tuning_offset=tuning, feature_rate=FEATURE_RATE)
    chroma = quantize_chroma(pitch_to_chroma(pitch))
    onsets = audio_to_pitch_onset_features(samples, FS, tuning_offset=tuning)
    return chroma, pitch_onset_features_to_DLNCO(onsets, chroma.shape[1], FEATURE_RATE)


def main(score: str, audio: str, output: str) -> None:
    """Write the time map of a score and a recording."""
    score_chroma, score_onsets = score_features(score)
    audio_chroma, audio_onsets = audio_features(audio)
    path = sync_via_mrmsdtw(
        score_chroma,
        audio_chroma,
        score_onsets,
        audio_onsets,
        input_feature_rate=FEATURE_RATE,
        step_weights=STEP_WEIGHTS,
        threshold_rec=10**6,
    )
    times = make_path_strictly_monotonic(path).T / FEATURE_RATE
    header = "score_time_s,performance_time_s"
    np.savetxt(output, times, delimiter=",", fmt="%.6f", header=header, comments="")


if __name__ == "__main__":
    main(*sys.argv[1:])
