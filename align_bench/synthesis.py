"""Score to audio: the step that makes audio-to-score alignment an audio-to-audio problem.

Conventions
-----------
* Both synthesisers play the same events: a note-on at every note onset, a note-off at its offset. A note
  that is struck again while it sounds ends there, as on a piano; a note without length lasts 50 ms.
* Reverb and chorus are off (both synthesisers add them by default): a score has no room, and tails blur
  onsets.
* A rendering starts at score time 0 and lasts ``score.duration + 1`` seconds, enough for every release.
* Synthesis runs at 48 kHz and is resampled (soxr), so that the sound does not depend on the rate asked for.
  Both synthesisers start notes on blocks of 64 samples (1.3 ms); events are put on the nearest block,
  so an onset is within 0.7 ms of its note, without bias.
* The peak is scaled to 0.5, because the two synthesisers differ in gain.

FluidSynth (through pyfluidsynth and the system's libfluidsynth) is what Agrawal & Dixon (2019) use.
Where it is missing, ``midirenderer`` renders the same SoundFont: it is one self-contained wheel. The other
candidate, tinysoundfont, is faster but requires pyaudio, which has no Linux wheel and needs the headers of
PortAudio.

References
----------
R. Agrawal, S. Dixon, "A Hybrid Approach to Audio-to-Score Alignment", ICML ML4MD workshop, 2019.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib
import importlib.util
import io
from contextlib import redirect_stdout
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from align_bench.cache import cached_array
from align_bench.errors import AlignBenchError, InvalidInputError, UsageError, unknown_name
from align_bench.types import Audio, Score

SYNTHESISERS = ("auto", "fluidsynth", "midirenderer")

_RATE = 48000  # midirenderer has no other
_BLOCK = 64  # samples between two moments at which either synthesiser listens to events
_TAIL_S = 1.0
_SHORTEST_NOTE_S = 0.05
_PEAK = 0.5
_REVISION = 1  # raised when the rules above change, so that old renderings are not taken from the cache
_INSTALL = (
    "Install the system library (Debian and Ubuntu: apt install libfluidsynth3; macOS: brew install "
    "fluid-synth; conda install -c conda-forge fluidsynth), or use synthesiser='midirenderer'"
)


class SynthesiserError(AlignBenchError):
    """A synthesiser that is not installed, or a SoundFont that it cannot play."""


def render(
    score: Score,
    *,
    sample_rate: int = 22050,
    synthesiser: str = "auto",
    soundfont: str | Path | None = None,
    program: int = 0,
) -> Audio:
    """Play a score at its nominal tempo; the rendering is kept on disk, so that a score is played once.

    Parameters
    ----------
    score : Score
    sample_rate : int, optional
        In Hz.
    synthesiser : {"auto", "fluidsynth", "midirenderer"}, optional
        ``"auto"`` is FluidSynth where libfluidsynth can be loaded, else midirenderer.
    soundfont : path, optional
        An SF2 file; the default is TimGM6mb, which comes with pretty_midi.
    program : int, optional
        General MIDI program, 0 (grand piano) to 127.

    Returns
    -------
    Audio
        ``score.duration + 1`` seconds, mono.

    Raises
    ------
    UsageError
        If the synthesiser or program is unknown.
    SynthesiserError
        If the synthesiser is not installed, or the SoundFont cannot be played.
    """
    if not 0 <= program <= 127:
        raise UsageError(f"program must be 0 to 127, got {program}.")
    chosen = resolve(synthesiser)
    path = _soundfont_path(soundfont)
    key = {
        "score": score.digest,
        "sample_rate": sample_rate,
        "program": program,
        "revision": _REVISION,
        **describe(synthesiser=chosen, soundfont=path),
    }

    def compute() -> NDArray[np.float32]:
        import soxr

        play = _play_fluidsynth if chosen == "fluidsynth" else _play_midirenderer
        samples = play(_events(score), path, program)
        n_wanted = int(np.ceil((score.duration + _TAIL_S) * _RATE))
        samples = np.pad(samples[:n_wanted], (0, max(0, n_wanted - samples.size)))
        peak = float(np.abs(samples).max())
        if peak == 0.0:
            raise SynthesiserError(
                f"soundfont must sound on program {program}, got silence ({path}). Use another."
            )
        return np.asarray(soxr.resample(samples * (_PEAK / peak), _RATE, sample_rate), dtype=np.float32)

    return Audio(
        cached_array("rendering", key, compute), sample_rate, name=f"rendering of {score.name or 'score'}"
    )


def describe(*, synthesiser: str = "auto", soundfont: str | Path | None = None) -> dict[str, Any]:
    """Return what a rendering depends on beside the score, for the record.

    Returns
    -------
    dict
        JSON-able: ``synthesiser``, ``version``, ``soundfont`` (file name), ``soundfont_sha256``.
    """
    chosen = resolve(synthesiser)
    path = _soundfont_path(soundfont)
    stat = path.stat()
    return {
        "synthesiser": chosen,
        "version": _fluidsynth_version() if chosen == "fluidsynth" else version("midirenderer"),
        "soundfont": path.name,
        "soundfont_sha256": _sha256(path, stat.st_size, stat.st_mtime_ns),
    }


def resolve(synthesiser: str = "auto") -> str:
    """Return which synthesiser a name stands for here: ``"fluidsynth"`` or ``"midirenderer"``.

    Raises
    ------
    UsageError
        If the name is unknown.
    SynthesiserError
        If that synthesiser is not installed.
    """
    if synthesiser not in SYNTHESISERS:
        raise unknown_name("synthesiser", synthesiser, SYNTHESISERS)
    if synthesiser == "midirenderer":
        return synthesiser
    try:
        _fluidsynth()
    except SynthesiserError:
        if synthesiser == "fluidsynth":
            raise
        return "midirenderer"
    return "fluidsynth"


def _events(score: Score) -> list[tuple[int, bool, int, int]]:
    """Return the sorted (block, is_note_on, pitch, velocity) that both synthesisers play."""
    events = []
    for pitch in np.unique(score.pitches):
        mine = score.pitches == pitch
        starts = np.rint(score.starts[mine] * _RATE / _BLOCK).astype(int)
        ends = np.maximum(score.ends[mine], score.starts[mine] + _SHORTEST_NOTE_S)
        stops = np.rint(ends * _RATE / _BLOCK).astype(int)
        stops[:-1] = np.minimum(stops[:-1], starts[1:])
        for start, stop, velocity in zip(starts, stops, score.velocities[mine], strict=True):
            if stop > start:  # else the same key is struck twice at once, and the later row plays it
                events += [(int(start), True, int(pitch), int(velocity)), (int(stop), False, int(pitch), 0)]
    return sorted(events)  # False < True: a key is let go before it is struck again


def _play_fluidsynth(
    events: list[tuple[int, bool, int, int]], soundfont: Path, program: int
) -> NDArray[np.float32]:
    """Return the left channel plus the right one, shape (n_samples,), at ``_RATE``."""
    fluidsynth = _fluidsynth()
    # write_float neither clips nor dithers; pyfluidsynth wraps only the 16-bit form.
    write = fluidsynth.cfunc(
        "fluid_synth_write_float",
        ctypes.c_int,
        *[(name, kind, 1) for name, kind in (
            ("synth", ctypes.c_void_p), ("len", ctypes.c_int),
            ("lout", ctypes.c_void_p), ("loff", ctypes.c_int), ("lincr", ctypes.c_int),
            ("rout", ctypes.c_void_p), ("roff", ctypes.c_int), ("rincr", ctypes.c_int),
        )],
    )  # fmt: skip
    n_samples = events[-1][0] * _BLOCK + int(_TAIL_S * _RATE)
    stereo = np.zeros((2, n_samples), dtype=np.float32)
    left, right = stereo[0].ctypes.data, stereo[1].ctypes.data
    synth = fluidsynth.Synth(
        samplerate=float(_RATE), channels=16, **{"synth.reverb.active": 0, "synth.chorus.active": 0}
    )
    try:
        bank = synth.sfload(str(soundfont))
        if bank == -1 or synth.program_select(0, bank, 0, program) == -1:
            raise SynthesiserError(
                f"soundfont must be an SF2 file with program {program}, got {str(soundfont)!r}."
            )
        now = 0
        for block, is_on, pitch, velocity in [*events, (n_samples // _BLOCK, False, 0, 0)]:
            if block > now:
                write(synth.synth, (block - now) * _BLOCK, left, now * _BLOCK, 1, right, now * _BLOCK, 1)
                now = block
            if is_on:
                synth.noteon(0, pitch, velocity)
            else:
                synth.noteoff(0, pitch)
    finally:
        synth.delete()
    return np.asarray(stereo.sum(axis=0), dtype=np.float32)


def _play_midirenderer(
    events: list[tuple[int, bool, int, int]], soundfont: Path, program: int
) -> NDArray[np.float32]:
    """Return the left channel plus the right one, shape (n_samples,), at ``_RATE``."""
    import mido
    import soundfile

    renderer = importlib.import_module("midirenderer")
    # Two ticks are one block (750 ticks a beat of half a second), and events come half a block early: at the
    # exact time of a block, rounding would decide between it and the next one.
    midi = mido.MidiFile(ticks_per_beat=_RATE // _BLOCK)
    track = mido.MidiTrack()
    midi.tracks.append(track)
    track.append(mido.MetaMessage("set_tempo", tempo=500_000))
    track.append(mido.Message("program_change", program=program))
    for effect in (91, 93):  # reverb and chorus send
        track.append(mido.Message("control_change", control=effect, value=0))
    now = 0
    for block, is_on, pitch, velocity in events:
        kind = "note_on" if is_on else "note_off"
        tick = max(0, 2 * block - 1)
        track.append(mido.Message(kind, note=pitch, velocity=velocity, time=tick - now))
        now = tick
    buffer = io.BytesIO()
    midi.save(file=buffer)
    try:
        wave = renderer.render_wave_from(soundfont.read_bytes(), buffer.getvalue())
    except (ValueError, RuntimeError) as error:
        raise SynthesiserError(f"soundfont must be an SF2 file, got {str(soundfont)!r}: {error}.") from error
    samples, rate = soundfile.read(io.BytesIO(wave), dtype="float32", always_2d=True)
    if rate != _RATE:
        raise SynthesiserError(
            f"midirenderer must render at {_RATE} Hz, got {rate} Hz. Install midirenderer 0.1.3."
        )
    return np.asarray(samples.sum(axis=1), dtype=np.float32)


@lru_cache(maxsize=1)
def _fluidsynth() -> Any:
    """Return the pyfluidsynth module, silenced."""
    try:
        with redirect_stdout(io.StringIO()):  # it prints where it found the library if $CI is set
            module: Any = importlib.import_module("fluidsynth")
    except (ImportError, OSError) as error:
        raise SynthesiserError(f"libfluidsynth must be installed, got {error}. {_INSTALL}.") from error
    if not hasattr(module, "Synth") or not hasattr(module, "cfunc"):
        raise SynthesiserError(
            f"the module fluidsynth must be pyfluidsynth, got {module.__file__}, an unrelated package of "
            f"that name. Run: pip uninstall fluidsynth && pip install --force-reinstall pyfluidsynth."
        )
    silence = module.cfunc(
        "fluid_set_log_function",
        ctypes.c_void_p,
        ("level", ctypes.c_int, 1), ("function", ctypes.c_void_p, 1), ("data", ctypes.c_void_p, 1),
    )  # fmt: skip
    for level in range(5):  # its errors also come back as codes, which are checked
        silence(level, None, None)
    return module


def _fluidsynth_version() -> str:
    major, minor, micro = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    _fluidsynth().fluid_version(major, minor, micro)
    return f"{major.value}.{minor.value}.{micro.value}"


def _soundfont_path(soundfont: str | Path | None) -> Path:
    if soundfont is None:
        # Found, not imported: pretty_midi is slow to import, and here only its file is wanted.
        spec = importlib.util.find_spec("pretty_midi")
        if spec is None or spec.origin is None:
            raise SynthesiserError(
                "pretty_midi must be installed, for its TimGM6mb.sf2. Run: pip install pretty_midi."
            )
        return Path(spec.origin).with_name("TimGM6mb.sf2")
    path = Path(soundfont)
    if not path.is_file():
        raise InvalidInputError(f"soundfont must be an SF2 file, got {str(path)!r}, which does not exist.")
    return path


@lru_cache(maxsize=16)
def _sha256(path: Path, _size: int, _mtime_ns: int) -> str:
    """Hash a file; size and time of change are arguments so that a replaced file is hashed again."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
