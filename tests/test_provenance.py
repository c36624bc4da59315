"""What a record says of where it was made, and what it must not say."""

from __future__ import annotations

import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from align_bench.provenance import command_line, commit, environment, public


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["run"], "align-bench run"),
        (["run", "-a", "chroma-dtw[hop_s=0.01]"], "align-bench run -a 'chroma-dtw[hop_s=0.01]'"),
        (["-a", "/home/ann/mine.py:Mine"], "align-bench -a mine.py:Mine"),
        (["-a", "../ann/mine.py:Mine"], "align-bench -a mine.py:Mine"),
        (["--data-home", "~/MAPS"], "align-bench --data-home MAPS"),
        (["--data-home=/home/ann/MAPS/"], "align-bench --data-home=MAPS"),
        (["-p", "ckpt=/home/ann smith/my weights.pt"], "align-bench -p 'ckpt=my weights.pt'"),
        (["-a", "s[ckpt=/home/ann/w.pt,hop=2]"], "align-bench -a 's[ckpt=w.pt,hop=2]'"),
        (["-a", "s[dir=/home/ann/,hop=2]"], "align-bench -a 's[dir=ann,hop=2]'"),
        (["-a", "C:\\Users\\ann\\mine.py:Mine"], "align-bench -a mine.py:Mine"),
        (
            ["-a", "cmd: /home/ann/go {score} ./x {output}"],
            "align-bench -a 'cmd: go {score} x {output}'",
        ),
    ],
)
def test_a_command_line_names_no_directories(arguments: list[str], line: str) -> None:
    assert command_line(arguments) == line


def git(directory: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=directory, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return the package directory of a repository with one commit."""
    package = tmp_path / "repository" / "package"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    git(package.parent, "init", "-q")
    git(package.parent, "add", ".")
    git(package.parent, "commit", "-q", "-m", "first")
    commit.cache_clear()
    return package


def test_a_checkout_has_its_commit(checkout: Path) -> None:
    assert commit(checkout) == git(checkout, "rev-parse", "HEAD")


def test_a_changed_checkout_says_so(checkout: Path) -> None:
    (checkout / "__init__.py").write_text("changed = True\n")
    assert commit(checkout) == git(checkout, "rev-parse", "HEAD") + "-dirty"


def test_a_tag_does_not_take_the_place_of_the_commit(checkout: Path) -> None:
    git(checkout, "tag", "-a", "v1", "-m", "one")
    assert commit(checkout) == git(checkout, "rev-parse", "HEAD")


def test_a_package_installed_into_somebodys_checkout_has_none(checkout: Path) -> None:
    installed = checkout.parent / ".venv" / "package"
    installed.mkdir(parents=True)
    (installed / "__init__.py").touch()
    assert commit(installed) is None


def test_without_git_there_is_none(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(checkout))
    assert commit(checkout) is None


def test_versions_are_those_installed() -> None:
    found = environment()
    assert found["align_bench_version"] == version("align-bench")
    assert found["versions"]["numpy"] == version("numpy")
    assert found["versions"]["soundfile"] == version("soundfile")


def test_private_directories_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, work = tmp_path / "home" / "ann", tmp_path / "home" / "ann" / "work"
    work.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(work)
    monkeypatch.setenv("PWD", str(work))
    told = public(
        {
            "target": f"{work}/mine.py:Mine",
            "reason": f"no such file: '{home}/MAPS/a.wav', nor /home/bob/secret/a.wav",
            "parameters": [f"{home}/weights.safetensors", 3, None, True],
            "elsewhere": f"/data{work}/kept",
        }
    )
    assert told == {
        "target": "./mine.py:Mine",
        "reason": "no such file: '~/MAPS/a.wav', nor /home/…/secret/a.wav",
        "parameters": ["~/weights.safetensors", 3, None, True],
        "elsewhere": f"/data{work}/kept",
    }
