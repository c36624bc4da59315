"""The nouns: Score, Audio, Alignment, Reference and Recording.

All are frozen and checked when they are made. Times are seconds in float64; frames exist only inside
features and paths, always beside their ``frame_rate`` in Hz.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from align_bench.errors import InvalidInputError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Two times closer than this are one: files store decimals, and MIDI ticks become floats.
TIME_RESOLUTION = 1e-6
MAX_AUDIO_S = 10 * 3600.0
_BLOCK = 2**18  # frames read at once

# What a confidence is a probability of: that an onset is placed within this many seconds of the truth.
CONFIDENCE_S = 0.05


def as_times(values: ArrayLike, name: str, *, where: str = "", monotone: bool = True) -> FloatArray:
    """Check a list of times and return it as a read-only array.

    Parameters
    ----------
    values : array_like, shape (n,)
        Times in seconds.
    name : str
        What the error message calls them.
    where : str, optional
        File or object that they come from, for the error message.
    monotone : bool, optional
        Refuse times that decrease.

    Returns
    -------
    numpy.ndarray, shape (n,), float64
        A read-only copy.

    Raises
    ------
    InvalidInputError
        If they are not numbers, not one-dimensional, not finite, or decrease.
    """
    place = f" ({where})" if where else ""
    try:
        times = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"{name} must be numbers in seconds, got {error}{place}.") from error
    if times.ndim != 1:
        raise InvalidInputError(f"{name} must be one-dimensional, got shape {times.shape}{place}.")
    bad = np.flatnonzero(~np.isfinite(times))
    if bad.size:
        raise InvalidInputError(f"{name} must be finite, got {times[bad[0]]} at index {bad[0]}{place}.")
    if monotone:
        back = np.flatnonzero(np.diff(times) < 0)
        if back.size:
            i = int(back[0])
            raise InvalidInputError(
                f"{name} must not decrease, got {times[i + 1]:.6f} after {times[i]:.6f} at index "
                f"{i + 1}{place}."
            )
    times.flags.writeable = False
    return times


@dataclass(frozen=True, eq=False)
class Score:
    """The notes of a score in nominal time.

    Attributes
    ----------
    starts, ends : numpy.ndarray, shape (n_notes,)
        Note onsets and offsets in seconds of score time; sorted by onset, then pitch.
    pitches : numpy.ndarray, shape (n_notes,)
        MIDI note numbers, 0 to 127.
    velocities : numpy.ndarray, shape (n_notes,)
        MIDI velocities, 1 to 127.
    name : str
        For messages only; two scores with the same notes are the same score.
    boundaries : numpy.ndarray, shape (n_boundaries,)
        Seconds of score time, ascending, at which a performer may leave or enter: repeat signs, voltas,
        double bars, da capo. Empty where the file says nothing.

    Raises
    ------
    InvalidInputError
        If there are no notes, or a value is out of its range.
    """

    starts: FloatArray
    ends: FloatArray
    pitches: IntArray
    velocities: IntArray
    name: str = ""
    boundaries: FloatArray = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        where = self.name or "score"
        starts = as_times(self.starts, "note onsets", where=where, monotone=False)
        ends = as_times(self.ends, "note offsets", where=where, monotone=False)
        pitches = np.array(self.pitches, dtype=np.int64)
        velocities = np.array(self.velocities, dtype=np.int64)
        if not (starts.shape == ends.shape == pitches.shape == velocities.shape):
            raise InvalidInputError(
                f"starts, ends, pitches and velocities must have one length, got "
                f"{starts.size}, {ends.size}, {pitches.size}, {velocities.size} ({where})."
            )
        if starts.size == 0:
            raise InvalidInputError(f"score must have notes, got none ({where}).")
        if starts.min() < 0:
            raise InvalidInputError(f"note onsets must be >= 0 s, got {starts.min():.6f} ({where}).")
        if (ends < starts).any():
            raise InvalidInputError(f"note offsets must not precede their onsets ({where}).")
        if pitches.min() < 0 or pitches.max() > 127:
            raise InvalidInputError(
                f"pitches must be 0 to 127, got {pitches.min()} to {pitches.max()} ({where})."
            )
        if velocities.min() < 1 or velocities.max() > 127:
            raise InvalidInputError(
                f"velocities must be 1 to 127, got {velocities.min()} to {velocities.max()} ({where})."
            )
        boundaries = np.unique(as_times(self.boundaries, "boundaries", where=where, monotone=False))
        boundaries.flags.writeable = False
        object.__setattr__(self, "boundaries", boundaries)
        order = np.lexsort((pitches, starts))
        columns = {"starts": starts, "ends": ends, "pitches": pitches, "velocities": velocities}
        for key, values in columns.items():
            ordered = values[order]
            ordered.flags.writeable = False
            object.__setattr__(self, key, ordered)

    @cached_property
    def onsets(self) -> FloatArray:
        """Unique onset times in seconds, ascending, shape (n_onsets,): a chord is one onset."""
        first = np.concatenate(([True], np.diff(self.starts) > TIME_RESOLUTION))
        return as_times(self.starts[first], "onsets")

    @property
    def duration(self) -> float:
        """The latest note offset, in seconds."""
        return float(self.ends.max())

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the notes: what a cache knows this score by."""
        sha = hashlib.sha256()
        for values in (self.starts, self.ends, self.pitches, self.velocities):
            sha.update(values.tobytes())
        return sha.hexdigest()

    def pitches_at(self, onset: float) -> list[int]:
        """Return the MIDI note numbers that begin at one of ``onsets``, ascending."""
        here = np.abs(self.starts - onset) <= TIME_RESOLUTION
        return [int(pitch) for pitch in self.pitches[here]]


def _mono(block: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean of the channels, shape (n_frames, n_channels), and what is not finite as it comes."""
    if block.shape[1] == 1:
        return block[:, 0]
    with np.errstate(all="ignore"):
        # Channel by channel: NumPy's mean over a short axis takes ten times as long.
        total = block[:, 0] + block[:, 1]
        for channel in block.T[2:]:
            total += channel
        return np.asarray(total / np.float32(block.shape[1]), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Audio:
    """A mono recording.

    Attributes
    ----------
    samples : numpy.ndarray, shape (n_samples,), float32
    sample_rate : int
        In Hz.
    name : str
        For messages only.

    Raises
    ------
    InvalidInputError
        If it is empty, not one-dimensional, not finite, or digital silence.
    """

    samples: NDArray[np.float32]
    sample_rate: int
    name: str = ""

    def __post_init__(self) -> None:
        where = self.name or "audio"
        samples = np.array(self.samples, dtype=np.float32)
        if samples.ndim != 1:
            raise InvalidInputError(
                f"samples must be mono, shape (n_samples,), got {samples.shape} ({where})."
            )
        if self.sample_rate <= 0:
            raise InvalidInputError(f"sample_rate must be > 0 Hz, got {self.sample_rate} ({where}).")
        if samples.size == 0:
            raise InvalidInputError(f"audio must have samples, got none ({where}).")
        peak = float(np.abs(samples).max())
        if not np.isfinite(peak):
            raise InvalidInputError(
                f"samples must be finite ({where}). Export the file again from its source."
            )
        if peak == 0.0:
            raise InvalidInputError(
                f"audio must not be silent, got only zeros ({where}). Is it the right file?"
            )
        samples.flags.writeable = False
        object.__setattr__(self, "samples", samples)

    @classmethod
    def load(cls, path: str | Path) -> Audio:
        """Read WAV, FLAC, OGG or MP3 and mix it to mono.

        Raises
        ------
        InvalidInputError
            If there is no such file, it cannot be decoded, or it is longer than ten hours.
        """
        import soundfile

        path = Path(path)
        if not path.is_file():
            raise InvalidInputError(f"audio must be a file, got {str(path)!r}, which does not exist.")
        blocks: list[NDArray[np.float32]] = []
        n_samples = 0
        try:
            with soundfile.SoundFile(path) as file:
                sample_rate = int(file.samplerate)
                # Not all at once: a damaged header may claim more samples than fit into any memory.
                while len(block := file.read(_BLOCK, dtype="float32", always_2d=True)):
                    n_samples += len(block)
                    if n_samples > MAX_AUDIO_S * sample_rate:
                        raise InvalidInputError(
                            f"audio must last at most {MAX_AUDIO_S / 3600:g} hours, got more ({path}). "
                            f"Cut it into pieces."
                        )
                    blocks.append(_mono(block))
        except (soundfile.SoundFileError, RuntimeError) as error:
            raise InvalidInputError(
                f"audio must be WAV, FLAC, OGG or MP3, got {str(path)!r}: {str(error).rstrip('.')}. "
                f"Convert it, e.g. with ffmpeg."
            ) from error
        return cls(np.concatenate(blocks) if blocks else np.empty(0, np.float32), sample_rate, name=str(path))

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.samples.size / self.sample_rate

    @cached_property
    def digest(self) -> str:
        """SHA-256 over sample rate and samples: what a cache knows this recording by."""
        sha = hashlib.sha256(str(self.sample_rate).encode())
        sha.update(self.samples.data)  # in place: a copy would take as long as the hash
        return sha.hexdigest()

    def resampled(self, sample_rate: int) -> Audio:
        """Return the recording at another rate (soxr, high quality); itself if the rate is the same."""
        if sample_rate == self.sample_rate:
            return self
        import soxr

        return Audio(soxr.resample(self.samples, self.sample_rate, sample_rate), sample_rate, name=self.name)


@dataclass(frozen=True, eq=False)
class Alignment:
    """A monotone time map from score time to recording time, linear between its knots.

    Attributes
    ----------
    score_times : numpy.ndarray, shape (n_knots,)
        Seconds of score time, strictly ascending.
    audio_times : numpy.ndarray, shape (n_knots,)
        Seconds in the recording, non-decreasing.
    info : mapping
        JSON-able facts about how it was made (which DTW ran, which synthesiser); goes into the record.
    confidences : numpy.ndarray, shape (n_knots,), or None
        How sure each knot is: the probability that the truth is within `CONFIDENCE_S` of it. None from an
        aligner that does not tell.

    Raises
    ------
    InvalidInputError
        If the lengths differ, there are fewer than two knots, the map is not finite and monotone, or a
        confidence is no probability.

    Examples
    --------
    >>> Alignment([0.0, 1.0], [0.5, 2.5]).at([0.5, 2.0])
    array([1.5, 3.5])
    """

    score_times: FloatArray
    audio_times: FloatArray
    info: Mapping[str, Any] = field(default_factory=dict)
    confidences: FloatArray | None = None

    def __post_init__(self) -> None:
        score_times = as_times(self.score_times, "score_times", where="Alignment")
        audio_times = as_times(self.audio_times, "audio_times", where="Alignment")
        if score_times.size != audio_times.size:
            raise InvalidInputError(
                f"score_times and audio_times must have one length, got {score_times.size} and "
                f"{audio_times.size} (Alignment)."
            )
        if score_times.size < 2:
            raise InvalidInputError(f"an Alignment must have at least 2 knots, got {score_times.size}.")
        if (np.diff(score_times) <= 0).any():
            i = int(np.flatnonzero(np.diff(score_times) <= 0)[0])
            raise InvalidInputError(
                f"score_times must ascend strictly, got {score_times[i]:.6f} twice (Alignment). "
                f"Give one audio time for each score time."
            )
        object.__setattr__(self, "score_times", score_times)
        object.__setattr__(self, "audio_times", audio_times)
        if self.confidences is not None:
            confidences = np.array(self.confidences, dtype=np.float64)
            if confidences.shape != score_times.shape or not ((confidences >= 0) & (confidences <= 1)).all():
                raise InvalidInputError(
                    f"confidences must be {score_times.size} numbers from 0 to 1, got shape "
                    f"{confidences.shape} (Alignment)."
                )
            confidences.flags.writeable = False
            object.__setattr__(self, "confidences", confidences)

    def at(self, score_times: ArrayLike) -> FloatArray:
        """Return when score times sound.

        Between knots the map is linear. Outside them it goes on with slope 1: the recording is then
        assumed to run at the score's nominal tempo.

        Parameters
        ----------
        score_times : array_like, shape (n,)
            Seconds of score time.

        Returns
        -------
        numpy.ndarray, shape (n,)
            Seconds in the recording.
        """
        wanted = as_times(score_times, "score_times", monotone=False)
        inside = np.interp(wanted, self.score_times, self.audio_times)
        before = np.minimum(wanted - self.score_times[0], 0.0)
        after = np.maximum(wanted - self.score_times[-1], 0.0)
        return np.asarray(inside + before + after, dtype=np.float64)

    def confidence_at(self, score_times: ArrayLike) -> FloatArray | None:
        """Return how sure the map is at score times, linear between knots; None if the aligner does not tell.

        Parameters
        ----------
        score_times : array_like, shape (n,)
            Seconds of score time.

        Returns
        -------
        numpy.ndarray, shape (n,), or None
            The probability that the truth is within `CONFIDENCE_S` of what `at` returns.
        """
        if self.confidences is None:
            return None
        wanted = as_times(score_times, "score_times", monotone=False)
        return np.interp(wanted, self.score_times, self.confidences)


@dataclass(frozen=True, eq=False)
class Reference:
    """Ground truth: when score onsets truly sound.

    Notes that share a score time are one onset, whose reference time is the mean of its notes. These
    means may step back a little where a rolled chord overlaps the next note, so they need not be monotone.

    Attributes
    ----------
    score_times : numpy.ndarray, shape (n_onsets,)
        Seconds of score time, strictly ascending.
    times : numpy.ndarray, shape (n_onsets,)
        Seconds in the recording.
    """

    score_times: FloatArray
    times: FloatArray

    def __post_init__(self) -> None:
        score_times = as_times(self.score_times, "score_times", where="Reference")
        times = as_times(self.times, "times", where="Reference", monotone=False)
        if score_times.size != times.size:
            raise InvalidInputError(
                f"score_times and times must have one length, got {score_times.size} and "
                f"{times.size} (Reference)."
            )
        if score_times.size == 0:
            raise InvalidInputError("a Reference must have onsets, got none.")
        if (np.diff(score_times) <= 0).any():
            raise InvalidInputError("score_times must ascend strictly (Reference). Use Reference.from_notes.")
        object.__setattr__(self, "score_times", score_times)
        object.__setattr__(self, "times", times)

    @classmethod
    def from_notes(cls, score_times: ArrayLike, times: ArrayLike) -> Reference:
        """Make a reference from one row a note: notes with one score time become one onset, at their mean.

        Parameters
        ----------
        score_times, times : array_like, shape (n_notes,)
            Seconds of score time, non-decreasing, and seconds in the recording.
        """
        score = as_times(score_times, "score_times", where="Reference")
        audio = as_times(times, "times", where="Reference", monotone=False)
        if score.size != audio.size or score.size == 0:
            raise InvalidInputError(
                f"score_times and times must have one length > 0, got {score.size} and "
                f"{audio.size} (Reference)."
            )
        first = np.concatenate(([True], np.diff(score) > TIME_RESOLUTION))
        group = np.cumsum(first) - 1
        return cls(score[first], np.bincount(group, weights=audio) / np.bincount(group))


@dataclass(frozen=True, eq=False)
class Recording:
    """One performance of one piece: what a dataset yields and a run consumes.

    Files are read on first use, so that a dataset of thousands costs nothing to list, and a file that
    cannot be read spoils its own row only. The three loaders must be picklable (a function or a
    ``functools.partial`` of one), so that a recording can travel to a worker process.

    Attributes
    ----------
    id : str
        Unique within the dataset.
    piece : str
        The composition: headline figures average over pieces, and leakage is judged by it.
    load_score, load_audio, load_reference : callable
    metadata : mapping
        JSON-able: performer, year, condition, split.
    """

    id: str
    piece: str
    load_score: Callable[[], Score]
    load_audio: Callable[[], Audio]
    load_reference: Callable[[], Reference]
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def score(self) -> Score:
        """The score, read on first use."""
        return self.load_score()

    @cached_property
    def audio(self) -> Audio:
        """The recording, read on first use."""
        return self.load_audio()

    @cached_property
    def reference(self) -> Reference:
        """The ground truth, read on first use. No aligner ever sees it."""
        return self.load_reference()
