"""What mirdata asks of its own loaders, asked of ours.

Re-expressed from mirdata 1.0 (tests/test_loaders.py and tests/test_full_dataset.py), because mirdata's tests
run only on loaders inside mirdata. Not asked: that links answer, which needs a network.
"""

from __future__ import annotations

import inspect
import io
import logging
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import maps_home
import mirdata
import numpy as np
import pytest
import soundfile
from mirdata import annotations, core, download_utils

from align_bench import datasets
from align_bench.datasets import maps, mazurka

NAMES = ["maps", "mazurka"]
MODULES = {"maps": maps, "mazurka": mazurka}
CACHED = {"maps": {"notes": annotations.NoteData}, "mazurka": {"beats": annotations.BeatData}}


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def module(name: str) -> ModuleType:
    return MODULES[name]


@pytest.fixture
def home(name: str, tmp_path: Path) -> Path:
    """The files of the one track in the sample index."""
    if name == "maps":
        track = "MAPS_MUS-scn15_9_ENSTDkAm"
        maps_home.recording(tmp_path / "ENSTDkAm" / "MUS", track)
        maps_home.amaps(tmp_path / "A-MAPS" / f"{track}.mid")
        return tmp_path
    from test_mazurka import beats, kern

    track = "Chopin_Op030No2_Brailowsky-1960_pid9060-19"
    soundfile.write(tmp_path / f"{track}.wav", np.sin(np.arange(8000) / 5), 8000)
    (tmp_path / f"{track}.beat").write_text(beats())
    (tmp_path / "mazurka30-2.krn").write_text(kern())
    return tmp_path


@pytest.fixture
def sample(name: str, home: Path) -> core.Dataset:
    return datasets.initialize(name, home, version="test")


@pytest.fixture
def registered() -> Iterator[None]:
    before = list(mirdata.DATASETS)
    datasets.register_with_mirdata()
    yield
    mirdata.DATASETS[:] = before


def members(instance: Any) -> dict[str, list[str]]:
    """Sort the public members of a track, as mirdata's test utilities do."""
    kinds: dict[str, list[str]] = {"cached": [], "properties": [], "functions": [], "attributes": []}
    for key in dir(type(instance)):
        if not key.startswith("_"):
            value = getattr(type(instance), key)
            kind = {core.cached_property: "cached", property: "properties", FunctionType: "functions"}[
                type(value)
            ]
            kinds[kind].append(key)
    on_class = {key for keys in kinds.values() for key in keys}
    kinds["attributes"] = [k for k in dir(instance) if not k.startswith("_") and k not in on_class]
    return kinds


def test_dataset_attributes(sample: core.Dataset, name: str, module: ModuleType) -> None:
    assert sample.name == name
    assert sample.bibtex.strip().startswith("@")
    assert sample._license_info.strip()
    assert sample.remotes is None or isinstance(sample.remotes, dict)
    assert isinstance(sample._download_info, str)
    assert sample.data_home in sample._download_info
    assert issubclass(sample._track_class, core.Track)
    assert sample.version == "sample"
    assert {"default", "test", "1.0"} <= set(module.INDEXES)
    assert "Loader" in module.__doc__
    assert "Attributes" in module.Dataset.__doc__


def test_remotes_are_pinned_and_checked(module: ModuleType) -> None:
    for remote in (module.REMOTES or {}).values():
        assert isinstance(remote, download_utils.RemoteFileMetadata)
        assert re.fullmatch(r"[0-9a-f]{32}", remote.checksum)
        assert re.search(r"/[0-9a-f]{40}/", remote.url), "a URL without a commit may change its content"


def test_source_follows_mirdatas_rules(module: ModuleType) -> None:
    source = inspect.getsource(module)
    assert "os.path.exists" not in source
    assert "open(" not in source


@pytest.mark.parametrize("version", ["default", "test"])
def test_index_structure(name: str, tmp_path: Path, version: str) -> None:
    index = datasets.initialize(name, tmp_path, version=version)._index
    assert set(index) == {"version", "tracks"}
    kinds = {"maps": {"audio", "notes", "score"}, "mazurka": {"audio", "beats", "score"}}[name]
    for track_id, files in index["tracks"].items():
        assert set(files) == kinds, track_id
        for path, checksum in files.values():
            assert path is None or (not Path(path).is_absolute() and ".." not in Path(path).parts)
            assert checksum is None or (path is not None and re.fullmatch(r"[0-9a-f]{32}", checksum))


def test_cite_and_license(sample: core.Dataset) -> None:
    text = io.StringIO()
    with redirect_stdout(text):
        sample.cite()
        sample.license()
    assert "@" in text.getvalue()
    assert "DISCLAIMER" in text.getvalue()


def test_download_tells_what_to_do(name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    dataset = datasets.initialize(name, tmp_path / "new", version="test")
    parameters = inspect.signature(dataset.download).parameters
    defaults = {key: parameters[key].default for key in ("partial_download", "force_overwrite", "cleanup")}
    assert defaults == {"partial_download": None, "force_overwrite": False, "cleanup": False}
    dataset.remotes = None  # no network here
    with caplog.at_level(logging.INFO):
        dataset.download()
    assert "Then run validate()" in caplog.text


def test_validate(sample: core.Dataset, name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    missing, invalid = sample.validate()
    assert missing == {"tracks": {}}
    assert "1 of 1 recordings are complete" in caplog.text
    # Our stand-ins for published files have other checksums; audio of unknown checksum is not invalid.
    assert not any("wav" in path for paths in invalid["tracks"].values() for path in paths)
    caplog.clear()
    empty = datasets.initialize(name, tmp_path / "empty", version="test")
    missing, invalid = empty.validate(verbose=False)
    assert invalid == {"tracks": {}}
    assert [len(paths) for paths in missing["tracks"].values()] == [3]
    assert caplog.text == ""


def test_load_and_track_ids(sample: core.Dataset, name: str, tmp_path: Path) -> None:
    assert isinstance(sample.track_ids, list)
    assert isinstance(sample.choice_track(), core.Track)
    assert list(sample.load_tracks()) == sample.track_ids
    full = datasets.initialize(name, tmp_path)
    assert len(full.track_ids) == {"maps": 60, "mazurka": 299}[name]
    assert len(full.load_tracks()) == len(full.track_ids)


def test_track(sample: core.Dataset, name: str) -> None:
    track = sample.track(sample.track_ids[0])
    kinds = members(track)
    assert set(kinds["functions"]) == {"get_path"}
    for key in [*kinds["attributes"], *kinds["properties"], *kinds["cached"]]:
        assert getattr(track, key) is not None
    for key, form in CACHED[name].items():
        assert isinstance(getattr(track, key), form)
    samples, sample_rate = track.audio
    assert samples.ndim == 1
    assert sample_rate == 8000.0
    assert track.track_id in repr(track)
    assert name in repr(sample)
    with pytest.raises(ValueError, match="not a valid track_id"):
        sample.track("~faketrackid~?!")


def test_track_without_data(name: str) -> None:
    dataset = datasets.initialize(name, "not/a/real/path", version="test")
    track = dataset.track(dataset.track_ids[0])
    kinds = members(track)
    assert all(getattr(track, key) is not None for key in kinds["attributes"])
    for key in [*kinds["properties"], *kinds["cached"]]:
        with pytest.raises(OSError, match="not/a/real/path"):
            getattr(track, key)


def test_load_functions(module: ModuleType) -> None:
    loaders = [getattr(module, key) for key in dir(module) if key.startswith("load_")]
    assert len(loaders) >= 3
    for load in loaders:
        assert load.__doc__
        assert load(None) is None
        with pytest.raises(OSError, match="a/fake/filepath"):
            load("a/fake/filepath")


def test_random_splits(name: str, tmp_path: Path) -> None:
    dataset = datasets.initialize(name, tmp_path)
    splits = dataset.get_random_track_splits([0.9, 0.1])
    assert sum(len(ids) for ids in splits.values()) == len(dataset.track_ids)


def test_predetermined_splits(tmp_path: Path) -> None:
    splits = datasets.initialize("maps", tmp_path).get_track_splits()
    assert {key: len(ids) for key, ids in splits.items()} == {"train": 42, "validation": 7, "test": 11}
    with pytest.raises(NotImplementedError):
        datasets.initialize("mazurka", tmp_path).get_track_splits()


@pytest.mark.usefixtures("registered")
def test_registered_with_mirdata(name: str, home: Path) -> None:
    assert name in mirdata.list_datasets()
    assert mirdata.list_datasets().count(name) == 1
    dataset = mirdata.initialize(name, str(home), version="test")
    assert dataset.track(dataset.track_ids[0]).audio is not None
    assert "1.0" in mirdata.list_dataset_versions(name)


def test_files_that_come_later_are_found(name: str, home: Path, tmp_path: Path) -> None:
    new = tmp_path / "later"
    before = datasets.initialize(name, new, version="test")
    assert not Path(before.track(before.track_ids[0]).audio_path).exists()
    new.mkdir()
    for file in [p for p in home.rglob("*") if p.is_file() and new not in p.parents]:
        target = new / file.relative_to(home)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    after = datasets.initialize(name, new, version="test")
    assert Path(after.track(after.track_ids[0]).audio_path).exists()
