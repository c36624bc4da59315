"""Finding aligners by name, module and file; plugins that cannot be loaded are told by name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from align_bench.aligners import list_aligners, load_aligner, parameters
from align_bench.aligners.registry import kebab_case, load_class, name_of, resolve
from align_bench.aligners.source import code_digest
from align_bench.errors import AlignerError, UsageError

PLUGINS = Path(__file__).parents[1] / "plugins"


def plugin(file: str, cls: str) -> str:
    return f"{PLUGINS / file}.py:{cls}"


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that installs a package with entry points, as pip would lay it out."""

    def install(package: str, entry_points: dict[str, str], modules: dict[str, str]) -> None:
        site = tmp_path / package
        info = site / f"{package}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = "\n".join(f"{name} = {target}" for name, target in entry_points.items())
        (info / "entry_points.txt").write_text(f"[align_bench.aligners]\n{lines}\n")
        for name, text in modules.items():
            (site / f"{name}.py").write_text(text)
        monkeypatch.syspath_prepend(str(site))

    return install


GOOD = (PLUGINS / "straight.py").read_text()


def test_registered_aligner_is_listed_with_its_summary_without_being_imported(install):
    install("tidy", {"tidy": "tidy_plugin:Straight"}, {"tidy_plugin": GOOD})
    entry = next(entry for entry in list_aligners() if entry.name == "tidy")
    assert entry.target == "tidy_plugin:Straight"
    assert entry.available
    assert entry.summary == "Stretch the score evenly over the recording."
    assert "tidy_plugin" not in sys.modules


def test_listing_is_sorted_and_has_the_baselines():
    names = [entry.name for entry in list_aligners()]
    assert names == sorted(names)
    assert {"linear", "spectral-dtw"} <= set(names)


def test_listing_loads_no_heavy_library():
    code = (
        "import sys, align_bench; align_bench.list_aligners(); "
        "print([name for name in ('torch', 'librosa', 'scipy', 'numba') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_plugin_whose_module_is_not_there_is_listed_with_its_reason(install):
    install("ghost", {"ghost": "ghost_plugin:Ghost"}, {})
    entry = next(entry for entry in list_aligners() if entry.name == "ghost")
    assert not entry.available
    assert "there is no module 'ghost_plugin'" in entry.reason


def test_plugin_that_does_not_parse_is_listed_with_its_reason(install):
    install("typo", {"typo": "typo_plugin:Typo"}, {"typo_plugin": "class Typo\n"})
    entry = next(entry for entry in list_aligners() if entry.name == "typo")
    assert not entry.available
    assert "SyntaxError" in entry.reason


def test_checked_listing_finds_what_only_an_import_shows(install):
    broken = (PLUGINS / "raises_on_import.py").read_text()
    install("mixed", {"a-good": "good_plugin:Straight", "a-bad": "bad_plugin:RaisesOnImport"},
            {"good_plugin": GOOD, "bad_plugin": broken})  # fmt: skip
    static = {entry.name: entry for entry in list_aligners()}
    assert static["a-bad"].available
    checked = {entry.name: entry for entry in list_aligners(check=True)}
    assert checked["a-good"].available
    assert not checked["a-bad"].available
    assert "OSError: libmagic.so is missing" in checked["a-bad"].reason


def test_two_plugins_with_one_name_are_both_named(install):
    install("first", {"twin": "first_plugin:Straight"}, {"first_plugin": GOOD})
    install("second", {"twin": "second_plugin:Straight"}, {"second_plugin": GOOD})
    with pytest.raises(
        AlignerError, match=r"twin.*(first_plugin|second_plugin).*(first_plugin|second_plugin)"
    ):
        resolve("twin")
    entry = next(entry for entry in list_aligners() if entry.name == "twin")
    assert not entry.available
    assert "first_plugin" in entry.reason
    assert "second_plugin" in entry.reason


def test_registered_class_that_is_not_there_is_the_plugins_fault(install):
    install("renamed", {"renamed": "renamed_plugin:Old"}, {"renamed_plugin": GOOD})
    with pytest.raises(AlignerError, match=r"aligner renamed must exist: .*Old"):
        load_aligner("renamed")


def test_loads_by_name_module_and_file(install):
    install("tidy", {"tidy": "tidy_plugin:Straight"}, {"tidy_plugin": GOOD})
    for spec in ("tidy", "tidy_plugin:Straight", plugin("straight", "Straight")):
        aligner = load_aligner(spec, {"delay_s": 0.25})
        assert parameters(aligner) == {"delay_s": 0.25, "mode": "even"}


def test_file_plugin_may_import_what_lies_beside_it(tmp_path: Path):
    (tmp_path / "my_helper_of_one_test.py").write_text("STRETCH = 2.0\n")
    file = tmp_path / "mine.py"
    file.write_text(f"from my_helper_of_one_test import STRETCH\n{GOOD}")
    assert load_class(f"{file}:Straight").__name__ == "Straight"


@pytest.mark.parametrize(
    ("spec", "given", "message"),
    [
        ("liner", {}, r"aligner must be one of .*linear.*got 'liner'\. Did you mean 'linear'\?"),
        ("nowhere.py:Mine", {}, r"must be in a file, got 'nowhere.py', which does not exist"),
        ("nowhere.py", {}, r"must name its class, got 'nowhere.py'"),
        ("no_such_module_at_all:Mine", {}, "No module named 'no_such_module_at_all'"),
        ("align_bench:not-a-class", {}, "must be module:Class"),
        (plugin("straight", "Strait"), {}, r"got 'Strait'\. Did you mean 'Straight'\?"),
        (plugin("straight", "Straight"), {"delays": 1.0}, "must be one of delay_s, mode, got 'delays'"),
        (plugin("straight", "Straight"), {"delay_s": "late"}, "parameter delay_s must be float, got 'late'"),
        (plugin("straight", "Straight"), {"delay_s": True}, "parameter delay_s must be float, got True"),
        (plugin("straight", "Straight"), {"mode": 3}, "parameter mode must be str, got 3"),
    ],
)  # fmt: skip
def test_what_does_not_exist_or_fit_is_a_usage_error(spec: str, given: dict, message: str):
    with pytest.raises(UsageError, match=message):
        load_aligner(spec, given)


def test_an_int_will_do_for_a_float():
    assert parameters(load_aligner(plugin("straight", "Straight"), {"delay_s": 1}))["delay_s"] == 1


@pytest.mark.parametrize(
    ("file", "cls", "message"),
    [
        ("raises_on_import", "RaisesOnImport", "must be imported, got OSError: libmagic.so is missing"),
        ("exits_on_import", "ExitsOnImport", "must be imported, got SystemExit: run me from MATLAB"),
        ("no_default", "NoDefault", "parameter radius of NoDefault must have a default"),
        ("keyword_soup", "KeywordSoup", r"must take keyword parameters only, got \*\*options"),
        ("no_align", "NoAlign", r"must have a method align\(score, audio\)"),
    ],
)
def test_a_broken_plugin_is_an_aligner_error(file: str, cls: str, message: str):
    with pytest.raises(AlignerError, match=message):
        load_aligner(plugin(file, cls))


def test_parameter_that_is_not_stored_is_told():
    aligner = load_aligner(plugin("not_stored", "NotStored"))
    with pytest.raises(AlignerError, match="must store its parameter radius under that name"):
        parameters(aligner)


@pytest.mark.parametrize(
    ("cls", "name"),
    [("Linear", "linear"), ("ChromaDTW", "chroma-dtw"), ("SiameseCQTBinary", "siamese-cqt-binary"),
     ("My_Aligner2", "my-aligner2")],
)  # fmt: skip
def test_class_names_become_kebab_case(cls: str, name: str):
    assert kebab_case(cls) == name


def test_name_comes_from_registration_then_attribute_then_class():
    class Plain: ...

    class Named:
        name = "my-name"

    assert name_of("registered", Named) == "registered"
    assert name_of("a.py:Named", Named) == "my-name"
    assert name_of("a.py:Plain", Plain) == "plain"


def test_code_digest_follows_the_file(tmp_path: Path):
    one, two = tmp_path / "one.py", tmp_path / "two.py"
    one.write_text(GOOD)
    two.write_text(GOOD + "\n# changed\n")
    digests = [code_digest(load_class(f"{file}:Straight")) for file in (one, two)]
    assert all(digests)
    assert digests[0] != digests[1]
    assert digests[0] == code_digest(load_class(f"{one}:Straight"))
