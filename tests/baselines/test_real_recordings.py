"""Two recordings of real pianos: an old record of a mazurka, and a Disklavier; no checkpoint knows them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from align_bench.aligners.registry import load_aligner
from align_bench.datasets.folder import read_truth
from align_bench.leakage import trained_on_overlap
from align_bench.metrics.onset_deviation import accuracy
from align_bench.scores import load_score
from align_bench.types import Audio, Recording

ALIGNERS = ["linear", "chroma-dtw", "siamese-cqt-distance", "siamese-stft-distance"]
MAZURKA, MAPS = "real/mazurka_op63_3_rubinstein1966_excerpt", "maps_like/MAPS_MUS-mz_545_3_ENSTDkCl"


def recording(data: Path, name: str) -> Recording:
    kind, _, id_ = name.partition("/")
    if kind == "real":
        folder, sound = data / name, data / name / "audio.flac"
    else:
        folder, sound = data / kind / "scores" / id_, data / kind / "MAPS/ENSTDkCl/MUS" / f"{id_}.wav"
    return Recording(
        id_,
        id_,
        partial(load_score, folder / "score.mid"),
        partial(Audio.load, sound),
        partial(read_truth, folder / "truth.csv"),
    )


@pytest.fixture(scope="module")
def accuracies(shared_data: Path) -> dict[tuple[str, str], float]:
    results = {}
    for name in (MAZURKA, MAPS):
        heard = recording(shared_data, name)
        for aligner_name in ALIGNERS:
            aligner = load_aligner(aligner_name)
            assert not trained_on_overlap(getattr(aligner, "trained_on", []), heard)
            estimated = aligner.align(heard.score, heard.audio).at(heard.reference.score_times)
            results[name, aligner_name] = accuracy(heard.reference.times, estimated, 0.05)
    return results


@pytest.mark.parametrize("name", [MAZURKA, MAPS])
@pytest.mark.parametrize("aligner", ["siamese-cqt-distance", "siamese-stft-distance"])
def test_learning_beats_chroma_and_chroma_beats_a_straight_line(
    accuracies: dict[tuple[str, str], float], name: str, aligner: str
):
    assert accuracies[name, aligner] > accuracies[name, "chroma-dtw"] + 0.02
    assert accuracies[name, "chroma-dtw"] > accuracies[name, "linear"] + 0.2


@pytest.mark.parametrize(("name", "floor"), [(MAZURKA, 0.85), (MAPS, 0.95)])
def test_the_share_within_50_ms(accuracies: dict[tuple[str, str], float], name: str, floor: float):
    assert accuracies[name, "siamese-cqt-distance"] >= floor
    assert np.isfinite(list(accuracies.values())).all()
