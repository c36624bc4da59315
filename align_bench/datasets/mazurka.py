"""Mazurka Dataset Loader (five Chopin mazurkas, beats).

.. admonition:: Dataset Info
    :class: dropdown

    The Mazurka Project (AHRC Centre for the History and Analysis of Recorded Music, Craig Sapp, 2004-2009)
    collected some 2,700 commercial recordings of Chopin's mazurkas and annotated the beats of many, tapped
    and then corrected by hand. This loader covers the five mazurkas of the literature, Op. 17/4, 24/2, 30/2,
    63/3 and 68/3, in 63, 64, 34, 88 and 50 recordings: 299 in all.

    Two more annotated recordings are left out, because they have another form than the score:
    Op. 17/4 Ginzburg 1957 (pid9156-10, 324 beats where the others have 396) and Op. 68/3 Koczalski 1948
    (pid9140-05, 193 beats where the others have 181).

    Scores are MazurkaBL's MusicXML (repeats written out) or Sapp's kern; both have the same beats.

"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from mirdata import core, download_utils, io
from mirdata.annotations import BeatData
from numpy.typing import NDArray

from align_bench.datasets import mazurka_files, mazurka_recordings
from align_bench.datasets.layout import default_home
from align_bench.datasets.mirdata_base import found_path, indexes, load_audio, validate
from align_bench.types import Score

BIBTEX = """
@misc{sapp2009mazurka,
    title={The Mazurka Project},
    author={Sapp, Craig Stuart and Cook, Nicholas},
    howpublished={AHRC Centre for the History and Analysis of Recorded Music (CHARM)},
    year={2009}
}
@inproceedings{sapp2008hybrid,
    title={Hybrid Numeric/Rank Similarity Metrics for Musical Performance Analysis},
    author={Sapp, Craig Stuart},
    booktitle={9th International Conference on Music Information Retrieval (ISMIR)},
    pages={501--506},
    year={2008}
}
@inproceedings{kosta2018mazurkabl,
    title={{MazurkaBL}: Score-aligned loudness, beat, and expressive markings data for 2000 {Chopin} mazurka
        recordings},
    author={Kosta, Katerina and Bandtlow, Oscar F. and Chew, Elaine},
    booktitle={4th International Conference on Technologies for Music Notation and Representation (TENOR)},
    year={2018}
}
"""

INDEXES = indexes("mazurka")

_MAZURKABL = (
    "https://raw.githubusercontent.com/katkost/MazurkaBL/c5eb282447dd21e02ef3683a759c0bd0eafafca4/xml_scores"
)

REMOTES = {
    stem: download_utils.RemoteFileMetadata(
        filename=f"{stem}.xml",
        url=f"{_MAZURKABL}/{stem}.xml",
        checksum=checksum,
        destination_dir="scores/musicxml",
    )
    for stem, checksum in (
        ("mazurka17-4", "14c0ffcaf3abe4b7a70fe58aad9715b0"),
        ("mazurka24-2", "4b540407b6af2ce208936d82e4dfda95"),
        ("mazurka30-2", "f5358a2ffa7d0a0a4e3cc9b040bc1c2b"),
        ("mazurka63-3", "d2aeae7024352f5cde347468e73b12d7"),
        ("mazurka68-3", "b48566c5b48025f74067369b4b338662"),
    )
}

DOWNLOAD_INFO = """
    Only the five scores are downloaded (MusicXML of MazurkaBL, CC BY-NC-SA 4.0). The recordings are
    commercial: rip your own discs, and name the files after the Mazurka Project's ids. In {} the loader
    takes, in any directory,

        > audio whose name holds the id: Chopin_Op024No2_Ax-1985_pid9179-07.wav, pid9179-07.flac, .mp3
        > annotations in the MIR form,
          annotations_beat/Chopin_Op024No2/Chopin_Op024No2_Ax-1985_pid9179-07.beat,
          or in Sapp's, mazurka24-2/pid9179-07/pid9179-07-clean.txt
        > scores by their names: mazurka24-2.xml or mazurka24-2.krn

    Then run validate().
"""

LICENSE_INFO = """
Recordings: commercial, not redistributable. Annotations: published for research by the Mazurka Project.
MazurkaBL: Creative Commons Attribution-NonCommercial-ShareAlike 4.0 International.
"""

_finder = lru_cache(maxsize=8)(mazurka_files.Finder)


class Track(core.Track):  # type: ignore[misc]
    """Mazurka track class.

    Parameters
    ----------
    track_id : str
        Track id of the track.

    Attributes
    ----------
    audio_path : str
        Path to the audio.
    beats_path : str
        Path to the beat annotation.
    score_path : str
        Path to the score.
    piece : str
        The mazurka, e.g. "Chopin_Op017No4".
    title : str
        Its title.
    performer : str
        Family name of the pianist.
    year : int or None
        Year of the recording, as the project has it.
    pid : str
        The Mazurka Project's id.
    beats : BeatData
        The annotated beats, numbered from 1.
    score : Score
        The notes of the score at one nominal tempo.
    """

    def __init__(
        self, track_id: str, data_home: str, dataset_name: str, index: dict[str, Any], metadata: Any
    ) -> None:
        super().__init__(track_id, data_home, dataset_name, index, metadata)
        self.audio_path = self.get_path("audio")
        self.beats_path = self.get_path("beats")
        self.score_path = self.get_path("score")
        self.piece = mazurka_files.piece_id(track_id)
        self.title = mazurka_files.PIECES[self.piece].title
        self.performer, self.year = mazurka_files.performer(track_id)
        self.pid = mazurka_files.pid_of(track_id)

    def get_path(self, key: str) -> str | None:
        """Get the path of a file wherever it is there, else the one in the index."""
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
    def beats(self) -> BeatData | None:
        """Return the annotated beats."""
        return load_beats(self.beats_path)

    @core.cached_property  # type: ignore[untyped-decorator]
    def score(self) -> Score | None:
        """Return the notes of the score."""
        return load_score(self.score_path)


@io.coerce_to_string_io  # type: ignore[untyped-decorator]
def load_beats(fhandle: TextIO) -> BeatData:
    """Load a beat annotation.

    Parameters
    ----------
    fhandle : str or file-like
        Path or file-like object of a .beat or -clean.txt file.

    Returns
    -------
    BeatData
        The annotated beats, numbered from 1.
    """
    times, _ = mazurka_recordings.load_beats(fhandle, getattr(fhandle, "name", "annotation"))
    return BeatData(times, "s", np.arange(times.size) + 1.0, "global_index")


def load_score(score_path: str | None) -> Score | None:
    """Load the score of a mazurka, repeats written out.

    Parameters
    ----------
    score_path : str
        Path of a MusicXML or kern file.

    Returns
    -------
    Score
        The notes at one nominal tempo.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    """
    if not score_path:
        return None
    path = Path(score_path)
    if not path.is_file():
        raise FileNotFoundError(f"score must be a file, got {score_path!r}, which does not exist.")
    return mazurka_recordings.load_nominal_score(path, mazurka_files.piece_of_score(path))


@core.docstring_inherit(core.Dataset)
class Dataset(core.Dataset):  # type: ignore[misc]
    """The Mazurka dataset, five pieces."""

    def __init__(self, data_home: str | None = None, version: str = "default") -> None:
        super().__init__(
            data_home,
            version,
            name="mazurka",
            track_class=Track,
            bibtex=BIBTEX,
            indexes=INDEXES,
            remotes=REMOTES,
            download_info=DOWNLOAD_INFO.format(data_home or default_home("mazurka")),
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
        return validate(self, mazurka_files.Finder(Path(self.data_home)), verbose)
