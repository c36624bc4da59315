"""A MAPS of our own making, small enough for tests: two recordings in the layout of the real one."""

from __future__ import annotations

from pathlib import Path

import mido
import numpy as np
import soundfile

# Quarter notes (a little off the grid, as in A-MAPS), pitches, and when the notes are played. The tempo map
# runs at 120 quarter notes a minute for four quarters, then at 60.
QUARTERS = [0.0, 1.0, 1.0, 2.0, 3.0, 4.0, 5.0]
PITCHES = [60, 62, 65, 64, 65, 67, 69]
TIMES = [0.0, 0.5, 0.5, 1.0, 1.5, 2.0, 3.0]
TICKS_OFF_GRID = 4


def amaps(path: Path) -> None:
    """Write an A-MAPS file with the notes above."""
    path.parent.mkdir(parents=True, exist_ok=True)
    events = []
    for quarter, pitch in zip(QUARTERS, PITCHES, strict=True):
        tick = int(quarter * 480) + (TICKS_OFF_GRID if quarter == 2.0 else 0)
        events += [(tick, "note_on", pitch), (tick + 400, "note_off", pitch)]
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=500_000, time=0)])
    last = 0
    for tick, kind, pitch in sorted(events):
        track.append(mido.Message(kind, note=pitch, velocity=70, time=tick - last))
        last = tick
    tempi = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=1_000_000, time=4 * 480)])
    midi = mido.MidiFile(type=1, ticks_per_beat=480)
    midi.tracks += [track, tempi]
    midi.save(path)


def recording(
    folder: Path, name: str, *, suffix: str = ".wav", seconds: float = 4.0, late: float = 0.001
) -> None:
    """Write audio and note list; the list is ``late`` seconds behind A-MAPS."""
    folder.mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / f"{name}{suffix}", np.sin(np.arange(int(8000 * seconds)) / 5), 8000)
    step = TICKS_OFF_GRID / 480 * 0.5
    times = [t + late + (step if q == 2.0 else 0) for t, q in zip(TIMES, QUARTERS, strict=True)]
    lines = [f"{t:.6f}\t{t + 0.4:.6f}\t{p}" for t, p in zip(times, PITCHES, strict=True)]
    text = "\r\n".join(["OnsetTime\tOffsetTime\tMidiPitch", *lines, "", ""])
    (folder / f"{name}.txt").write_bytes(text.encode())
