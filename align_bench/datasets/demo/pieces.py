"""Ten short piano pieces, encoded for this project from compositions in the public domain.

Openings of the pieces, or all of a short one, without repeats; trills are written out, grace notes left out.
The notation is that of `align_bench.datasets.demo.notation`.
"""

from __future__ import annotations

from fractions import Fraction

from align_bench.datasets.demo.notation import Piece


def _broken_chords(text: str) -> tuple[str, str, str]:
    """Write out the figure of Bach's prelude: five notes a bar, from the bass up, played twice."""
    upper, tenor, bass = [], [], []
    for bar in text.split("|"):
        a, b, c, d, e = bar.split()
        upper.append(f"( r/8 {c}/16 {d} {e} {c} {d} {e} )*2")
        tenor.append(f"( r/16 {b}/8.~ {b}/4 )*2")
        bass.append(f"{a}/2 {a}")
    return " | ".join(upper), " | ".join(tenor), " | ".join(bass)


_SCHUMANN_MELODY = """
B4/4 G5 | F#5/8. E5/16 D5/4 | B4 G5 | F#5/8. E5/16 D5/4 | B4 G5 | E5/8. D5/16 C5/4 | A4 D5 | B4/2 """
_SCHUMANN_TRIPLETS = """
B3/12 D4 G4 Bb3 E4 G4 | A3 D4 F#4 C4 D4 A4 | B3 D4 G4 Bb3 E4 G4 | A3 D4 F#4 C4 D4 A4 |
B3 D4 G4 G3 D4 G4 | G3 E4 G4 G3 C4 G4 | G3 C4 G4 F#3 C4 F#4 | D3 B3 G4 G3 B3 G4 """
_SCHUMANN_BASS = """
G3/8 r C#3 r | D3 r F#3 r | G3 r C#3 r | D3 r F#3 r | G3 r B2 r | C3 r E3 r | D3 r D3 r | G2 r G3 r """

PIECES = (
    Piece(
        id="bach-prelude-bwv846",
        composer="Johann Sebastian Bach",
        title="Prelude in C major, BWV 846 (bars 1-11)",
        voices=_broken_chords("""
        C4 E4 G4 C5 E5 | C4 D4 A4 D5 F5 | B3 D4 G4 D5 F5 | C4 E4 G4 C5 E5 | C4 E4 A4 E5 A5 | C4 D4 F#4 A4 D5 |
        B3 D4 G4 D5 G5 | B3 C4 E4 G4 C5 | A3 C4 E4 G4 C5 | D3 A3 D4 F#4 C5 | G3 B3 D4 G4 B4 """),
        metre=Fraction(4),
        tempo=84,
        phrases=(1, 5, 9),
        dynamics=(56, 66, 58),
        pedal=Fraction(2),
    ),
    Piece(
        id="petzold-minuet-anh114",
        composer="Christian Petzold",
        title="Minuet in G major, BWV Anh. 114 (bars 1-16)",
        voices=(
            """
        D5/4 G4/8 A4 B4 C5 | D5/4 G4 G4 | E5 C5/8 D5 E5 F#5 | G5/4 G4 G4 |
        C5 D5/8 C5 B4 A4 | B4/4 C5/8 B4 A4 G4 | F#4/4 G4/8 A4 B4 G4 | A4/2. |
        D5/4 G4/8 A4 B4 C5 | D5/4 G4 G4 | E5 C5/8 D5 E5 F#5 | G5/4 G4 G4 |
        C5 D5/8 C5 B4 A4 | B4/4 C5/8 B4 A4 G4 | A4/4 B4/8 A4 G4 F#4 | G4/2. """,
            """
        G3+B3+D4/2 A3/4 | B3/2. | C4 | B3 | A3 | G3 | D4/4 B3 G3 | D4 D3/8 C4 B3 A3 |
        B3/2 A3/4 | G3 B3 G3 | C4/2. | B3/4 C4/8 B3 A3 G3 | A3/2 F#3/4 | G3/2 B3/4 | C4 D4 D3 | G3/2 G2/4 """,
        ),
        metre=Fraction(3),
        tempo=126,
        phrases=(1, 5, 9, 13),
        dynamics=(68, 60, 70, 62),
    ),
    Piece(
        id="mozart-sonata-k545",
        composer="Wolfgang Amadeus Mozart",
        title="Sonata in C major, K. 545, first movement (bars 1-12)",
        voices=(
            """
        C5/2 E5/4 G5 | B4/4. C5/16 D5 C5/4 r | A5/2 G5/4 C6 | G5 ( G5/32 F5 )*2 E5/16 F5 E5/4 r |
        A4/8 B4/16 C5 D5 E5 F5 G5 A5 G5 F5 E5 D5 C5 B4 A4 |
        G4/8 A4/16 B4 C5 D5 E5 F5 G5 F5 E5 D5 C5 B4 A4 G4 |
        F4/8 G4/16 A4 B4 C5 D5 E5 F5 E5 D5 C5 B4 A4 G4 F4 |
        E4/8 F4/16 G4 A4 B4 C5 D5 E5 D5 C5 B4 A4 G4 F4 E4 |
        D4/8 E4/16 F4 G4 A4 B4 C#5 D5 A4 B4 C#5 D5 E5 F5 G5 |
        A5 B5 C6 B5 A5 G5 F5 E5 F5 G5 A5 G5 F5 E5 D5 C5 |
        B4/8 G5 E5 C5 D5 G5 E5 C5 | D5/4 B4+D5+G5 G4 r """,
            """
        ( C4/8 G4 E4 G4 )*2 | D4 G4 F4 G4 C4 G4 E4 G4 | C4 A4 F4 A4 C4 G4 E4 G4 | B3 G4 D4 G4 C4 G4 E4 G4 |
        F4/4 r r F3+C4 | E3+C4 r r E3+C4 | D3+C4 r r D3+B3 |
        C3+C4 r r C3+E3 | F3+A3/1 | F3/4. G3/8 A3/4. F#3/8 |
        ( G2/16 B2 D3 G3 G2 C3 E3 G3 )*2 | G2/4 G3 G2 r """,
        ),
        metre=Fraction(4),
        tempo=132,
        phrases=(1, 5, 9),
        dynamics=(64, 70, 74),
    ),
    Piece(
        id="beethoven-fur-elise",
        composer="Ludwig van Beethoven",
        title="Für Elise, WoO 59 (bars 1-22)",
        voices=(
            """
        E5/16 D#5 | E5 D#5 E5 B4 D5 C5 | A4/8 r/16 C4 E4 A4 | B4/8 r/16 E4 G#4 B4 | C5/8 r/16 E4 E5 D#5 |
        E5 D#5 E5 B4 D5 C5 | A4/8 r/16 C4 E4 A4 | B4/8 r/16 E4 C5 B4 | A4/8 r/16 B4 C5 D5 |
        E5/8. G4/16 F5 E5 | D5/8. F4/16 E5 D5 | C5/8. E4/16 D5 C5 | B4/8 r/16 E4 E5 r | r E5 E6 r r D#5 |
        E5 r r D#5 E5 D#5 | E5 D#5 E5 B4 D5 C5 | A4/8 r/16 C4 E4 A4 | B4/8 r/16 E4 G#4 B4 |
        C5/8 r/16 E4 E5 D#5 | E5 D#5 E5 B4 D5 C5 | A4/8 r/16 C4 E4 A4 | B4/8 r/16 E4 C5 B4 | A4/4 r/8 """,
            """
        r/8 | r/4. | A2/16 E3 A3 r/8. | E2/16 E3 G#3 r/8. | A2/16 E3 A3 r/8. |
        r/4. | A2/16 E3 A3 r/8. | E2/16 E3 G#3 r/8. | A2/16 E3 A3 r/8. |
        C3/16 G3 C4 r/8. | G2/16 G3 B3 r/8. | A2/16 E3 A3 r/8. | E2/16 E3 E4 r r E4 | E5 r r D#5 E5 r |
        r D#5 E5 r/8. | r/4. | A2/16 E3 A3 r/8. | E2/16 E3 G#3 r/8. |
        A2/16 E3 A3 r/8. | r/4. | A2/16 E3 A3 r/8. | E2/16 E3 G#3 r/8. | A2/16 E3 A3 r/8. """,
        ),
        metre=Fraction(3, 2),
        tempo=70,
        phrases=(1, 6, 10, 16),
        dynamics=(52, 54, 64, 52),
        pedal=Fraction(3, 2),
    ),
    Piece(
        id="beethoven-moonlight",
        composer="Ludwig van Beethoven",
        title="Sonata in C-sharp minor, Op. 27 No. 2, first movement (bars 1-7)",
        voices=(
            """
        r/1 | r | r | r | r/2. G#4/8. G#4/16 | G#4/2. G#4/8. G#4/16 | G#4/2 A4 """,
            """
        ( G#3/12 C#4 E4 )*4 | % | ( A3 C#4 E4 )*2 ( A3 D4 F#4 )*2 |
        G#3 B#3 F#4 G#3 C#4 E4 G#3 C#4 D#4 F#3 B#3 D#4 | E3 G#3 C#4 ( G#3 C#4 E4 )*3 | ( G#3 D#4 F#4 )*4 |
        ( G#3 C#4 E4 )*2 ( A3 C#4 F#4 )*2 """,
            """
        C#2+C#3/1 | B1+B2 | A1+A2/2 F#1+F#2 | G#1+G#2 G#1+G#2 | C#2+G#2+C#3/1 | B#1+G#2+B#2 |
        C#2+C#3/2 F#1+F#2 """,
        ),
        metre=Fraction(4),
        tempo=66,
        phrases=(1, 5),
        dynamics=(44, 50),
        pedal=Fraction(2),
    ),
    Piece(
        id="chopin-prelude-op28-7",
        composer="Frédéric Chopin",
        title="Prelude in A major, Op. 28 No. 7 (complete)",
        voices=(
            """
        E4/4 | C#5/8. D5/16 D4+G#4+B4/4 D4+G#4+B4 | D4+G#4+B4/2 D5+F#5/4 |
        B#4+D#5/8. C#5+E5/16 C#5+A5/4 C#5+A5 | C#5+A5/2 E4+C#5/4 |
        C#4+A#4/8. B4/16 F#4+D5/4 F#4+D5 | F#4+D5/2 D4+G#4/4 |
        D4+G#4/8. C#4+A4/16 C#4+C#5/4 C#4+C#5 | C#4+C#5/2 E4/4 |
        C#5/8. D5/16 D4+G#4+B4/4 D4+G#4+B4 | D4+G#4+B4/2 D5+F#5/4 |
        B#4+D#5/8. C#5+E5/16 A5+C#6/4 A5+C#6 | A#4+C#5+E5+A#5+C#6/2^ A#4+C#5/4 |
        A#4+C#5/8. B4+D5/16 B4+F#5/4 A4+F#5 | G#4+F#5/2 D4+G#4/4 |
        D4+B4/8. C#4+A4/16 C#5+A5/4 C#5+A5 | C#5+A5/2 """,
            """
        r/4 | E2 E3+E4 E3+E4 | E3+E4/2 r/4 | A2 A3+E4 A3+E4 | A3+E4/2 r/4 |
        E2 E3+B3 E3+B3 | E3+B3/2 r/4 | A1 E3+A3+E4 E3+A3+E4 | E3+A3+E4/2 r/4 |
        E2 E3+E4 E3+E4 | E3+E4/2 r/4 | A2 A3+E4+A4 A3+E4+A4 | F#3+C#4+E4+F#4/2^ r/4 |
        B1 F#3+D4 F#3+B3+D4 | E3+B3+D4/2 r/4 | A1 E3+A3+E4 A3+E4 | A3+E4/2 """,
            """
        r/4 | r/2. | r | r | r | r/8. D4/16~ D4/2~ | D4 r/4 | r/2. | r |
        r | r | r/4 C#5+E5/2 | r/2. | r | r | r/4 A4/2~ | A4/2 """,
        ),
        metre=Fraction(3),
        tempo=92,
        phrases=(1, 5, 9, 13),
        dynamics=(54, 52, 62, 54),
        pedal=Fraction(3),
    ),
    Piece(
        id="chopin-prelude-op28-20",
        composer="Frédéric Chopin",
        title="Prelude in C minor, Op. 28 No. 20 (bars 1-8 and 13)",
        voices=(
            """
        G4/4 Ab4 Eb4+G4/8. D4+F4/16 Eb4/4 | Eb4 F4 C4+Eb4/8. Bb3+Db4/16 C4/4 |
        D4 E4 G4/8. F4/16 Eb4/4 | D4 G4 B4/8. A4/16 G4/4 |
        Eb5 Eb5 D5 D5 | C5 D5 G4+B4/8. A4/16 G4/4 | C5 Ab4 G4/8. F4/16 Eb4/4 |
        Eb4 F4 Eb4/8. D4/16 C4/4 | C4+Eb4+G4+C5/1^ """,
            """
        G3+C4+Eb4/4 Ab3+C4+Eb4 G3+B3 Eb3+G3+C4 | Eb3+Ab3+C4 F3+Ab3+Db4 Db3+Eb3+G3 C3+Eb3+Ab3 |
        D3+F3+B3 E3+G3+Bb3+C4 Ab3+C4 G3+C4 | F#3+C4 G3+B3+D4 C4+D4+F#4 B3+D4 |
        Eb4+G4 Eb4+Ab4 D4+Ab4/8. F#4/16 D4+G4/4 | C4+G4 C4+D4+F#4 D4/8. C4/16 B3+D4/4 |
        C4+G4 Ab3+C4 G3+D4 G3+C4 | Eb3+Ab3+C4 F3+Ab3+Db4 F3+G3+B3 Eb3+G3 | r/1 """,
            """
        C2+C3/4 F1+F2 G1+G2 C2+G2+C3 | Ab1+Ab2 Db1+Db2 Eb1+Eb2 Ab1+Ab2 |
        G1+G2 C1+C2 F1+F2 C2+C3 | D2+A2+D3 G1+G2 D2+D3 G2+G3 |
        C2+C3 C3+C4 B2+B3 Bb2+Bb3 | A2+A3 Ab2+Ab3 G2+G3 F2+F3 |
        Eb2+Eb3 F2+F3 B1+B2 C2+C3 | Ab1+Ab2 Db1+Db2 G1+G2 C1+C2 | C3+G3/1^ """,
        ),
        metre=Fraction(4),
        tempo=66,
        phrases=(1, 3, 5, 7),
        dynamics=(84, 92, 54, 50),
        pedal=Fraction(1),
    ),
    Piece(
        id="schumann-foreign-lands-op15-1",
        composer="Robert Schumann",
        title="Von fremden Ländern und Menschen, Op. 15 No. 1 (complete)",
        voices=(
            f"""{_SCHUMANN_MELODY} |
        G4+B4/4 A4+C5 | F#4+A4 G4+B4 | E4+G4 E4+A4 | D#4+F#4 D4+G4 | E4 F#4 | G4/8. A4/16 B4/8. C5/16 |
        D5/4 G5 {_SCHUMANN_MELODY.partition("|")[1] + _SCHUMANN_MELODY.partition("|")[2]}""",
            f"""{_SCHUMANN_TRIPLETS} |
        E3 B3 E4 A2 A3 E4 | D3 A3 D4 B2 G3 D4 | C3 G3 C4 F#2 F#3 C4 | B2 F#3 B3 G2 G3 B3 |
        C3 G3 C4 D3 A3 D4 | B2 G3 D4 G2 A3 D4 | {_SCHUMANN_TRIPLETS}""",
            f"""{_SCHUMANN_BASS} |
        E3/4 A2 | D3/8. C3/16 B2/4 | C3 F#2 | B2/8. A2/16 G2/4 | C3 D3 |
        B2/8. A2/16 G2/4 | {_SCHUMANN_BASS}""",
        ),
        metre=Fraction(2),
        tempo=84,
        phrases=(1, 5, 9, 15, 19),
        dynamics=(58, 56, 50, 58, 54),
        pedal=Fraction(1),
    ),
    Piece(
        id="satie-gymnopedie-1",
        composer="Erik Satie",
        title="Gymnopédie No. 1 (bars 1-16)",
        voices=(
            """
        r/2. | r | r | r | r/4 F#5 A5 | G5 F#5 C#5 | B4 C#5 D5 | A4/2. | F#4~ | F#4~ | F#4~ | F#4 |
        r/4 F#5 A5 | G5 F#5 C#5 | B4 C#5 D5 | A4/2. """,
            "r/4 B3+D4+F#4/2 | r/4 A3+C#4+F#4/2 | " * 7 + "r/4 B3+D4+F#4/2 | r/4 A3+C#4+F#4/2",
            "G2/2. | D2 | " * 7 + "G2 | D2",
        ),
        metre=Fraction(3),
        tempo=92,
        phrases=(1, 5, 9, 13),
        dynamics=(44, 52, 50, 52),
        pedal=Fraction(3),
    ),
    Piece(
        id="burgmuller-arabesque-op100-2",
        composer="Friedrich Burgmüller",
        title="Arabesque, Op. 100 No. 2 (first part and reprise)",
        voices=(
            """
        r/2 | r | A4/16 B4 C5 B4 A4/8 r | A4/16 B4 C5 D5 E5/8 r | D5/16 E5 F5 G5 A5/8 r |
        A5/16 B5 C6 D6 E6/8 r |
        r E5 E5 F5 | D5 r D5/4~ | D5/8 G5 D5 E5 | C5/4 C6/8 r |
        E5/4. B4/8 | C5/4. A4/8 | E5/4. B4/8 | C5/4. A4/8 | A5/4. E5/8 | F5/4. E5/8 | D5 C5 B4 A4 | G#4/4 E5 |
        A4/16 B4 C5 B4 A4/8 r | A4/16 B4 C5 D5 E5/8 r | D5/16 E5 F5 G5 A5/8 r |
        A5/16 B5 C6 D6 E6/8 r |
        r B4 B4 C5 | A4/4 E5~ | E5/8 B4 B4 C5 | A4/2 """,
            """
        A3+C4+E4/4 A3+C4+E4 | % | % | % | A3+D4+F4 A3+D4+F4 | A3+C4+E4 A3+C4+E4 |
        G3+C4+E4 G3+C4+E4 | G3+B3+F4 G3+B3+F4 | % | C4+E4/4. r/8 |
        G#3/16 A3 B3 A3 G#3/8 r | A3/16 B3 C4 D4 E4/8 r | G#3/16 A3 B3 A3 G#3/8 r | A3/16 B3 C4 D4 E4/8 r |
        C#4/16 D4 E4 D4 C#4/8 r | D4/16 E4 F4 G4 A4/8 G4 | F4 E4 D4 D#4 | E4 D4 C4 B3 |
        A3+C4+E4/4 A3+C4+E4 | % | A3+D4+F4 A3+D4+F4 | A3+C4+E4 A3+C4+E4 |
        A3+D4+E4 A3+D4+E4 | A3+C4+E4 A3+C4+E4 | A3+D4+E4 A3+D4+E4 | A3+C4+E4/2 """,
        ),
        metre=Fraction(2),
        tempo=132,
        phrases=(1, 3, 7, 11, 15, 19, 23),
        dynamics=(50, 62, 68, 76, 72, 60, 58),
    ),
)
"""Every piece of the demo dataset, in the order in which they were written."""
