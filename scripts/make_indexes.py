"""Make or complete the dataset indexes from an owner's copy.

The indexes in ``align_bench/datasets/indexes`` hold the checksums of what is published in one form.
Someone who owns more can fill the gaps::

    python scripts/make_indexes.py maps DATA_HOME --kinds audio notes score
    python scripts/make_indexes.py mazurka DATA_HOME

Known checksums stay; one that disagrees with the copy is reported and nothing is written. Files in
another format than the published one (a FLAC for the WAV) have no checksum of their own and are skipped.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from align_bench.datasets.layout import INDEXES, md5
from align_bench.datasets.maps_recordings import WITHOUT_SCORE, Finder, entries
from align_bench.datasets.mazurka_files import EXCLUDED, PIECES, piece_id

SAMPLE = {"maps": "MAPS_MUS-scn15_9_ENSTDkAm", "mazurka": "Chopin_Op030No2_Brailowsky-1960_pid9060-19"}


def maps_index(data_home: Path, kinds: list[str], old: dict) -> dict:
    """Return the index of MAPS with the checksums of the wanted kinds of files."""
    finder = Finder(data_home)
    tracks: dict[str, dict[str, list[str | None]]] = {}
    for entry in entries():
        subset = f"ENSTDk{entry.piano}"
        paths = {
            "audio": f"{subset}/MUS/{entry.id}.wav",
            "notes": f"{subset}/MUS/{entry.id}.txt",
            "score": None if entry.id in WITHOUT_SCORE else f"A-MAPS/{entry.id}.mid",
        }
        tracks[entry.id] = {
            kind: [path, old.get(entry.id, {}).get(kind, [None, None])[1]] for kind, path in paths.items()
        }
        for kind in kinds:
            file = finder.find(entry.id, kind)
            if file is None or paths[kind] is None or file.suffix != Path(paths[kind]).suffix:
                continue
            known = tracks[entry.id][kind][1]
            if known not in (None, md5(file)):
                sys.exit(f"{file} has another checksum than the index: {md5(file)}, not {known}")
            tracks[entry.id][kind][1] = md5(file)
    return {"version": "1.0", "tracks": tracks}


def mazurka_index(data_home: Path, old: dict) -> dict:
    """Return the index of the annotated recordings, with the checksums of annotations and scores."""
    tracks = dict(old)
    for file in data_home.rglob("*.beat"):
        if file.stem in EXCLUDED:
            continue
        piece = piece_id(file.stem)
        score = f"scores/musicxml/{PIECES[piece].stem}.xml"
        known = old.get(file.stem, {"beats": [None, None]})["beats"][1]
        if known not in (None, md5(file)):
            sys.exit(f"{file} has another checksum than the index: {md5(file)}, not {known}")
        tracks[file.stem] = {
            "audio": [f"wav_22050_mono/{piece}/{file.stem}.wav", None],
            "beats": [f"annotations_beat/{piece}/{file.name}", md5(file)],
            "score": [score, md5(data_home / score)],
        }
    return {"version": "1.0", "tracks": tracks}


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", choices=["maps", "mazurka"])
    parser.add_argument("data_home", type=Path)
    parser.add_argument("--kinds", nargs="+", default=["score"], choices=["audio", "notes", "score"])
    arguments = parser.parse_args()
    path = INDEXES / f"{arguments.dataset}_index_1.0.json"
    old = json.loads(path.read_text())["tracks"] if path.exists() else {}
    if arguments.dataset == "maps":
        index = maps_index(arguments.data_home, arguments.kinds, old)
    else:
        index = mazurka_index(arguments.data_home, old)
    path.write_text(json.dumps(index, indent=1, sort_keys=True) + "\n")
    # mirdata's contract tests run on a sample of one track.
    one = SAMPLE[arguments.dataset]
    sample = {"version": "sample", "tracks": {one: index["tracks"][one]}}
    path.with_stem(f"{path.stem}_sample").write_text(json.dumps(sample, indent=1, sort_keys=True) + "\n")
    known = sum(file[1] is not None for files in index["tracks"].values() for file in files.values())
    print(f"{path}: {len(index['tracks'])} recordings, {known} checksums")


if __name__ == "__main__":
    main()
