"""Training data that turns up in a test set is noticed by recording and by composition."""

from __future__ import annotations

import time

import pytest

from align_bench.leakage import trained_on_overlap
from align_bench.results import RecordingResult
from align_bench.types import Recording


def recording(name: str, piece: str) -> Recording:
    def never() -> None:
        raise AssertionError("nothing need be read")

    return Recording(name, piece, never, never, never)


@pytest.mark.parametrize(
    ("trained_on", "name", "piece"),
    [
        ("MAPS_MUS-chpn-p4_ENSTDkCl", "MAPS_MUS-chpn-p4_ENSTDkCl", "chpn-p4"),
        ("MAPS_MUS-chpn-p4_ENSTDkCl", "MAPS_MUS-chpn-p4_ENSTDkAm", "chpn-p4"),
        ("MAPS_MUS-grieg_kobold_ENSTDkAm", "maps_grieg_kobold_ENSTDkCl", "Grieg, Lyric Pieces Op. 71 No. 3"),
        ("MAPS_MUS-mz_331_3_ENSTDkCl", "mz_331_3_AkPnBcht", "whatever"),
        ("mz_331_3", "MAPS_MUS-mz_331_3_ENSTDkCl", "mz_331_3"),
        ("MAPS_MUS-chpn_op33_2_ENSTDkAm", "Chopin_Op033No2_Csalog-1996_pid1263-19", "Chopin_Op033No2"),
        ("MAPS_MUS-chpn_op7_1_ENSTDkAm", "pid9048-04", "M07-1"),
        ("MAPS_MUS-chpn_op7_1_ENSTDkAm", "pid9048-04", "mazurka07-1"),
        ("MAPS_MUS-chpn-p14_ENSTDkAm", "excerpt-7", "Chopin, Prelude Op. 28 No. 14"),
        ("Chopin_Etudes_op_10_4_Duepree06M", "maps_chpn_op10_e04_ENSTDkAm", "x"),
        ("demo-prelude", "other-recording", "Demo Prelude"),
    ],
)
def test_overlap_is_seen(trained_on: str, name: str, piece: str):
    assert trained_on_overlap(["something else", trained_on], recording(name, piece))


@pytest.mark.parametrize(
    ("trained_on", "name", "piece"),
    [
        ("MAPS_MUS-chpn-p4_ENSTDkCl", "MAPS_MUS-chpn-p14_ENSTDkAm", "chpn-p14"),
        ("MAPS_MUS-chpn_op7_1_ENSTDkAm", "MAPS_MUS-chpn_op27_1_ENSTDkAm", "chpn_op27_1"),
        ("MAPS_MUS-chpn_op33_2_ENSTDkAm", "Chopin_Op030No2_Csalog-1996_pid1263-19", "Chopin_Op030No2"),
        ("MAPS_MUS-chpn_op66_ENSTDkAm", "Chopin_Op006No6_X-1990_pid1-1", "Chopin_Op006No6"),
        ("MAPS_MUS-mendel_op30_2_ENSTDkAm", "Chopin_Op030No2_Csalog-1996_pid1263-19", "Chopin_Op030No2"),
        ("MAPS_MUS-scn15_11_ENSTDkAm", "MAPS_MUS-scn15_1_ENSTDkAm", "scn15_1"),
    ],
)
def test_other_works_do_not_overlap(trained_on: str, name: str, piece: str):
    assert not trained_on_overlap([trained_on], recording(name, piece))


def test_who_has_learnt_nothing_leaks_nothing():
    assert not trained_on_overlap([], recording("a", "b"))


def test_a_row_of_a_record_leaks_as_its_recording_does():
    row = RecordingResult(id="MAPS_MUS-chpn-p4_ENSTDkAm", piece="Chopin, Prelude Op. 28 No. 4", status="ok")
    assert trained_on_overlap(["MAPS_MUS-chpn-p4_ENSTDkCl"], row)
    assert not trained_on_overlap(["MAPS_MUS-chpn-p14_ENSTDkCl"], row)


@pytest.mark.parametrize(
    "name", ["op" * 20_000, "chopin op1 " * 5_000, "maps_" * 10_000, "\0", "", "(" * 1000]
)
def test_an_absurd_name_is_compared_at_once(name: str):
    begin = time.perf_counter()
    trained_on_overlap([name], recording(name[:100], name[::-1]))
    assert time.perf_counter() - begin < 1.0
