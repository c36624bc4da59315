"""MAPS Dataset Loader (real piano recordings).

.. admonition:: Dataset Info
    :class: dropdown

    MAPS (MIDI Aligned Piano Sounds, Emiya, Bertin, David & Badeau 2010) holds piano sounds with the notes
    played. This loader covers its 60 recordings of pieces on a real piano, a Yamaha Disklavier Mark III:
    30 with ambient microphones (``ENSTDkAm``) and 30 with close ones (``ENSTDkCl``), 44.1 kHz stereo.

    For each recording there are

    - the notes played: onset, offset (as the pedal extends it) and MIDI pitch. Onsets are good to about
      10 ms; ``ENSTDkAm`` sounds 15 to 25 ms after its note list, ``ENSTDkCl`` within 10 ms;
    - from A-MAPS (Ycart & Benetos 2018), the same notes on a beat grid, here at one nominal tempo, which
      makes a score to align with.

    The split into train, validation and test is ours: by composition, 42, 7 and 11 recordings. See
    ``indexes/maps_recordings.csv``.

"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import numpy as np
from mirdata import core, io
from mirdata.annotations import NoteData
from numpy.typing import NDArray

from align_bench.datasets import amaps, maps_recordings
from align_bench.datasets.layout import default_home
from align_bench.datasets.mirdata_base import found_path, indexes, load_audio, validate
from align_bench.midi import read_midi

BIBTEX = """
@techreport{emiya2010maps,
    title={MAPS - A piano database for multipitch estimation and automatic transcription of music},
    author={Emiya, Valentin and Bertin, Nancy and David, Bertrand and Badeau, Roland},
    institution={INRIA},
    number={inria-00544155},
    year={2010}
}
@inproceedings{ycart2018amaps,
    title={{A-MAPS}: Augmented {MAPS} Dataset with Rhythm and Key Annotations},
    author={Ycart, Adrien and Benetos, Emmanouil},
    booktitle={19th International Society for Music Information Retrieval Conference, Late-Breaking Session},
    year={2018}
}
"""

INDEXES = indexes("maps")

REMOTES = None

DOWNLOAD_INFO = """
    MAPS is not downloaded by this loader: its authors give it out, and its address has changed over the
    years. You need the subsets ENSTDkAm and ENSTDkCl, of which only the folders MUS are read. Unpack them
    in {}, in any of these layouts:

        > ENSTDkCl/MUS/MAPS_MUS-alb_se2_ENSTDkCl.wav (or .flac), .txt
        > ENSTDkCl_2/MUS/...
        > MAPS_ENSTDkCl_2/ENSTDkCl/MUS/...

    and the same for ENSTDkAm; a directory MAPS around them does no harm. Beside them put A-MAPS 1.1
    (Ycart & Benetos):

        > A-MAPS/MAPS_MUS-alb_se2_ENSTDkCl.mid

    A checkout of the ACPAS dataset (github.com/cheriell/ACPAS-dataset), which carries A-MAPS, will do as
    well. Then run validate().
"""

LICENSE_INFO = """
MAPS: Creative Commons Attribution-NonCommercial-ShareAlike, as others list it; ask its authors.
A-MAPS: after MIDI files by Bernd Krueger (piano-midi.de, CC BY-SA); ask its authors.
"""

_finder = lru_cache(maxsize=8)(maps_recordings.Finder)


class Track(core.Track):  # type: ignore[misc]
    """MAPS track class.

    Parameters
    ----------
    track_id : str
        Track id of the track.

    Attributes
    ----------
    audio_path : str
        Path to the audio.
    notes_path : str
        Path to the note list.
    score_path : str or None
        Path to the A-MAPS file, None where A-MAPS has none.
    composer : str
        Composer.
    title : str
        Title of the composition.
    piano : str
        "Am" (ambient microphones) or "Cl" (close microphones).
    split : str
        "train", "validation" or "test"; no composition is in two of them.
    notes : NoteData
        The notes played.
    score : NominalNotes
        The notes with their score positions, at one nominal tempo.
    """

    def __init__(
        self, track_id: str, data_home: str, dataset_name: str, index: dict[str, Any], metadata: Any
    ) -> None:
        super().__init__(track_id, data_home, dataset_name, index, metadata)
        self.audio_path = self.get_path("audio")
        self.notes_path = self.get_path("notes")
        self.score_path = self.get_path("score")
        entry = next(e for e in maps_recordings.entries() if e.id == track_id)
        self.composer = entry.composer
        self.title = entry.title
        self.piano = entry.piano
        self.split = entry.split

    def get_path(self, key: str) -> str | None:
        """Get the path of a file in whichever layout it is there, else the one in the index."""
        return found_path(_finder(Path(self._data_home)), self.track_id, key, super().get_path(key))

    @property
    def audio(self) -> tuple[NDArray[np.float32], float] | None:
        """Return the audio, mixed to mono.

        Returns
        -------
        np.ndarray
            Audio signal.
        float
            Sample rate.
        """
        audio: tuple[NDArray[np.float32], float] | None = load_audio(self.audio_path)
        return audio

    @core.cached_property  # type: ignore[untyped-decorator]
    def notes(self) -> NoteData | None:
        """Return the notes played."""
        return load_notes(self.notes_path)

    @core.cached_property  # type: ignore[untyped-decorator]
    def score(self) -> amaps.NominalNotes | None:
        """Return the notes with their score positions."""
        score: amaps.NominalNotes | None = load_score(self.score_path)
        return score


@io.coerce_to_string_io  # type: ignore[untyped-decorator]
def load_notes(fhandle: TextIO) -> NoteData:
    """Load a MAPS note list.

    Parameters
    ----------
    fhandle : str or file-like
        Path or file-like object of the text file.

    Returns
    -------
    NoteData
        The notes played.
    """
    onsets, offsets, pitches = maps_recordings.load_notes(fhandle, getattr(fhandle, "name", "note list"))
    return NoteData(np.stack([onsets, offsets], axis=1), "s", pitches.astype(np.float64), "midi")


@io.coerce_to_bytes_io  # type: ignore[untyped-decorator]
def load_score(fhandle: BinaryIO) -> amaps.NominalNotes:
    """Load an A-MAPS file and flatten its tempo map.

    Parameters
    ----------
    fhandle : str or file-like
        Path or file-like object of the MIDI file.

    Returns
    -------
    NominalNotes
        Score position and performed onset of every note.
    """
    return amaps.flatten(read_midi(fhandle.read(), getattr(fhandle, "name", "A-MAPS")))


@core.docstring_inherit(core.Dataset)
class Dataset(core.Dataset):  # type: ignore[misc]
    """The MAPS dataset, its real piano recordings."""

    def __init__(self, data_home: str | None = None, version: str = "default") -> None:
        super().__init__(
            data_home,
            version,
            name="maps",
            track_class=Track,
            bibtex=BIBTEX,
            indexes=INDEXES,
            remotes=REMOTES,
            download_info=DOWNLOAD_INFO.format(data_home or default_home("maps")),
            license_info=LICENSE_INFO,
        )
        # Files may have come since another instance looked.
        _finder.cache_clear()

    def validate(self, verbose: bool = True) -> tuple[dict[str, Any], dict[str, Any]]:
        """Tell which files are missing or changed; audio of unknown checksum counts as present.

        Parameters
        ----------
        verbose : bool
            If True, log the findings.

        Returns
        -------
        dict
            Missing files by track.
        dict
            Files with another checksum by track.
        """
        return validate(self, maps_recordings.Finder(Path(self.data_home)), verbose)
