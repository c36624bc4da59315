"""The whole pipeline by stage, in CPU seconds a minute of audio; start-up; two jobs beside one; a long run.

    python benchmarks/pipeline.py                 # about five minutes; rewrites the section in README.md
    python benchmarks/pipeline.py --stdout

The recordings are those of the demo set. A stage is timed over all of them, on one thread, after one call to
warm up; the figure is the median of the repeats. What librosa or torch do at the same stage is timed beside
it. Each aligner's line is one call after the other of what a run does with a recording whose score has been
seen: read it, align it, say when the onsets sound.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

for library in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import numpy as np  # noqa: E402, reads the number of threads when it is imported
import soundfile  # noqa: E402
from dtw import README, environment  # noqa: E402
from spectra import RATE, SPECTRA, one_minute  # noqa: E402

BEGIN, END = "<!-- pipeline:begin -->", "<!-- pipeline:end -->"
ALIGNERS = (
    "siamese-robust", "siamese-cqt-distance", "siamese-stft-distance",
    "spectral-dtw", "flux-dtw", "chroma-dtw", "linear",
)  # fmt: skip


@dataclass(frozen=True)
class Stage:
    """What is timed: a function of one of the ``inputs``, and the same by another library."""

    name: str
    inputs: list[Any]
    ours: Callable[[Any], Any]
    peer_name: str = ""
    peer: Callable[[Any], Any] | None = None


def cpu_seconds(function: Callable[[Any], Any], inputs: list[Any], repeats: int) -> float:
    """Return the median over repeats of the CPU time of all calls together."""
    function(inputs[0])
    times = []
    for _ in range(repeats):
        begin = time.process_time()
        for given in inputs:
            function(given)
        times.append(time.process_time() - begin)
    return statistics.median(times)


def stages(recordings: list[Any], folder: Path) -> Iterator[Stage]:
    """Yield the stages in the order in which a recording passes them."""
    import librosa
    import torch
    from align_bench_baselines.siamese.aligner import shipped_checkpoint
    from align_bench_baselines.siamese.card import read_checkpoint
    from align_bench_baselines.siamese.model import load_checkpoint
    from align_bench_baselines.siamese.network import Network

    from align_bench import features
    from align_bench.paths import dtw, path_to_alignment
    from align_bench.synthesis import render
    from align_bench.types import Audio

    torch.set_num_threads(1)
    audios = [recording.audio.resampled(RATE) for recording in recordings]
    files = []
    for k, audio in enumerate(audios):
        cd = audio.resampled(44100).samples
        files.append(folder / f"{k}.wav")
        soundfile.write(files[-1], np.stack([cd, cd], axis=1), 44100)
    loud = [Audio.load(file) for file in files]
    scores = [recording.score for recording in recordings]
    os.environ["ALIGN_BENCH_CACHE_MB"] = "0"  # to render, and not to read
    yield Stage("render the score (once a score)", scores, render)
    del os.environ["ALIGN_BENCH_CACHE_MB"]
    yield Stage("read, 44.1 kHz stereo WAV", files, Audio.load, "librosa", lambda f: librosa.load(f, sr=None))
    yield Stage(
        "resample 44.1 to 22.05 kHz", loud, lambda a: a.resampled(RATE),
        "librosa", lambda a: librosa.resample(a.samples, orig_sr=44100, target_sr=RATE),
    )  # fmt: skip
    for name, (ours, theirs) in SPECTRA.items():
        yield Stage(name, audios, ours, "librosa", theirs)
    for name, feature in (("cqt", features.log_cqt), ("stft", features.log_stft)):
        spectra = [feature(audio) for audio in audios]
        network = read_checkpoint(shipped_checkpoint(name), Network)[0]
        encoder = load_checkpoint(shipped_checkpoint(name))[0]
        yield Stage(f"embed the {name.upper()}", spectra, network.embed, "torch", encoder.embed)
    embedded = [
        (network.embed(feature(render(score))), network.embed(spectrum))
        for score, spectrum in zip(scores, spectra, strict=True)
    ]
    pairs = [(x.values, y.values) for x, y in embedded]
    yield Stage(
        "DTW of the embeddings", pairs, lambda xy: dtw(*xy),
        "librosa", lambda xy: librosa.sequence.dtw(*xy),
    )  # fmt: skip
    rate = embedded[0][0].frame_rate
    paths = [dtw(*pair) for pair in pairs]
    yield Stage("path to times", paths, lambda path: path_to_alignment(path, rate, rate))


def whole(recordings: list[Any]) -> Iterator[Stage]:
    """Yield each aligner's way from the file to the onset times, and that of a script with librosa."""
    import librosa

    from align_bench.aligners.registry import load_aligner
    from align_bench.synthesis import render

    recordings = sorted(recordings, key=lambda recording: recording.piece)

    def script(recording: Any) -> None:
        audio = recording.load_audio().resampled(RATE)
        chroma = librosa.feature.chroma_cqt(y=audio.samples, sr=RATE)
        librosa.sequence.dtw(seen[recording.piece], chroma, metric="cosine")

    seen = {
        r.piece: librosa.feature.chroma_cqt(y=render(r.score, sample_rate=RATE).samples, sr=RATE)
        for r in recordings
    }
    for name in ALIGNERS:
        aligner = load_aligner(name)

        def align(recording: Any, aligner: Any = aligner) -> None:
            score = recording.load_score()
            aligner.align(score, recording.load_audio()).at(score.onsets)

        for recording in recordings:
            align(recording)  # the scores have been seen then
        peer = ("chroma and DTW by librosa", script) if name == "chroma-dtw" else ("", None)
        yield Stage(f"**{name}**", recordings, align, *peer)


def stage_table(repeats: int) -> str:
    """Time every stage and return the table."""
    from align_bench.datasets import load

    recordings = list(load("demo").recordings)
    minutes = sum(recording.audio.duration for recording in recordings) / 60
    lines = ["| stage | s a minute | beside it |", "|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        for source in (stages(recordings, Path(folder)), whole(recordings)):
            for stage in source:
                ours = cpu_seconds(stage.ours, stage.inputs, repeats) / minutes
                beside = ""
                if stage.peer is not None:
                    peer = cpu_seconds(stage.peer, stage.inputs, repeats) / minutes
                    beside = f"{stage.peer_name} {peer:.4f} ({peer / ours:.1f}×)"
                lines.append(f"| {stage.name} | {ours:.4f} | {beside} |")
                print(lines[-1], flush=True)
    return "\n".join(lines)


def program(arguments: list[str], **variables: str) -> tuple[float, float]:
    """Run Python on all cores; return its wall and CPU seconds, children included."""
    environment = {key: value for key, value in os.environ.items() if not key.endswith("_NUM_THREADS")}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments], check=True, env={**environment, **variables}, stdout=subprocess.DEVNULL
    )
    wall = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def start_up(repeats: int) -> list[str]:
    """Time the command ``align`` on a piece of one minute in fresh processes; return rows of a table."""
    rows = []
    imports = (
        "import mido, soundfile, soxr, fluidsynth, numba, safetensors, align_bench.cli, align_bench.scores, "
        "align_bench.api, align_bench.paths._solver, align_bench_baselines.siamese.network"
    )
    readers = f"{imports}; from align_bench.partial import import_partitura; import_partitura()"
    with tempfile.TemporaryDirectory() as folder:
        score, audio, notation = map(str, one_minute(Path(folder)))
        command = ["-m", "align_bench", "align", score, audio]
        cases = (
            ("the first ever, which compiles", command, {"NUMBA_CACHE_DIR": "{new}/numba"}),
            ("a piece never seen", command, {}),
            ("a piece never seen, in MusicXML", [*command[:3], notation, audio], {}),
            ("a score that was seen", command, {"ALIGN_BENCH_CACHE": f"{folder}/seen"}),
            ("imports alone", ["-c", imports], {}),
            ("imports alone, for MusicXML", ["-c", readers], {}),
        )
        program(command, ALIGN_BENCH_CACHE=f"{folder}/seen")
        for name, arguments, variables in cases:
            found = []
            for k in range(repeats):
                new = f"{folder}/{name}/{k}"
                given = {key: value.format(new=new) for key, value in variables.items()}
                found.append(program(arguments, **{"ALIGN_BENCH_CACHE": new, **given}))
            wall, cpu = (statistics.median(column) for column in zip(*found, strict=True))
            rows.append(f"| `align`, one minute: {name} | {wall:.2f} | {cpu:.2f} |")
            print(rows[-1], flush=True)
    return rows


RUN = """
import sys
from dataclasses import replace
from align_bench.datasets import load
from align_bench.runner import run
aligner, n, jobs, output = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
found = load("demo")
few = found.recordings
takes = [replace(few[i % len(few)], id=f"{i:04d}") for i in range(n)]
data = replace(found, recordings=tuple(sorted(takes, key=lambda take: take.piece)))
(record,) = run(aligner, data, output=output, oracle=False, progress=False, jobs=jobs)
assert record.n_ok == n, [row.reason for row in record.recordings if row.reason]
"""


def runs(repeats: int) -> list[str]:
    """Time whole runs: one job and two, and ten times as many recordings; return rows of a table.

    The figure is the shortest of the repeats, taken in turn: it needs both cores to itself.
    """
    cases = (
        ("siamese-cqt-distance", 1000, 1), ("siamese-cqt-distance", 1000, 2),
        ("linear", 100, 1), ("linear", 1000, 1),
    )  # fmt: skip
    found: dict[tuple[str, int, int], list[tuple[float, float]]] = {case: [] for case in cases}
    for _ in range(repeats):
        for case in cases:
            with tempfile.TemporaryDirectory() as output:
                found[case].append(program(["-c", RUN, *map(str, case), output]))
    rows = []
    for (aligner, n, jobs), times in found.items():
        wall, cpu = min(times)
        many = "two jobs" if jobs == 2 else "one job"
        rows.append(f"| `run`, {n:,} recordings, {aligner}, {many} | {wall:.2f} | {cpu:.2f} |")
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--stdout", action="store_true", help="print the tables only, leave README.md alone")
    options = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = stage_table(options.repeats)
    print()
    programs = ["| program | wall s | CPU s |", "|---|---|---|", *start_up(options.repeats), *runs(3)]
    packages = ("numpy", "numba", "soxr", "soundfile", "librosa", "torch")
    section = "\n\n".join([environment(packages, f"{os.cpu_count()} cores"), table, "\n".join(programs)])
    if not options.stdout:
        head, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
        README.write_text(f"{head}{BEGIN}\n{section}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
