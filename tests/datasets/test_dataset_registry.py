"""Datasets by name: what is listed, and how wrong names are answered."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from align_bench import datasets
from align_bench.errors import DatasetError, UsageError


def test_names_and_descriptions() -> None:
    listed = datasets.list_datasets()
    assert set(listed) == {"demo", "maps", "mazurka"}
    assert all(text.endswith(".") and "\n" not in text for text in listed.values())
    listed.clear()
    assert datasets.list_datasets()


def test_unknown_name_suggests_and_mentions_folders() -> None:
    with pytest.raises(
        UsageError, match=r"got 'mazurkas'\. Did you mean 'mazurka'\? A directory of recordings works too"
    ):
        datasets.load("mazurkas")


def test_unknown_path_is_a_missing_directory(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="which does not exist"):
        datasets.load(str(tmp_path / "a" / "b"))


def test_initialize_knows_the_mirdata_loaders_only(tmp_path: Path) -> None:
    assert datasets.initialize("maps", tmp_path).data_home == str(tmp_path)
    with pytest.raises(UsageError, match="mirdata dataset must be one of maps, mazurka, got 'demo'"):
        datasets.initialize("demo")


def test_validate_of_an_unknown_name() -> None:
    with pytest.raises(UsageError, match="dataset must be one of"):
        datasets.validate("map")


def test_default_data_home_is_mirdatas(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(DatasetError, match=f"got '{tmp_path}/mir_datasets/maps'"):
        datasets.load("maps")
    assert datasets.initialize("maps").data_home == f"{tmp_path}/mir_datasets/maps"


def test_listing_recordings_imports_no_mirdata(tmp_path: Path) -> None:
    code = (
        "import sys; from align_bench import datasets\n"
        "for name in ('maps', 'mazurka'):\n"
        "    try: datasets.load(name, data_home=sys.argv[1], allow_missing=True)\n"
        "    except datasets.DatasetError: pass\n"
        "print([m for m in ('mirdata', 'partitura', 'mido', 'librosa', 'torch') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
