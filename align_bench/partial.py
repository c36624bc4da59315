"""The part of partitura that reads scores, in a third of the time that importing all of it takes."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from threading import Lock
from types import ModuleType
from typing import Any

_READERS = ("partitura.io.importmusicxml", "partitura.io.importkern")
_EAGER = (
    "partitura",
    "partitura.io",
)  # packages whose __init__ imports every format, pandas and SciPy's signals
_lock = Lock()


def import_partitura() -> Any:
    """Import what of partitura reads MusicXML and kern; the rest comes when it is asked for.

    The packages in ``sys.modules`` are partitura's own, so who imports it later gets the same classes, and
    all that it has: only their ``__init__`` has not run before it is needed.

    Returns
    -------
    module
        ``partitura``, with ``score``, ``utils``, ``io.importmusicxml`` and ``io.importkern``.
    """
    with _lock:
        for name in _EAGER:
            if name not in sys.modules:
                _begin(name)
        with _on_our_terms():
            for name in _READERS:
                import_module(name)
    return sys.modules["partitura"]


def _begin(name: str) -> None:
    """Put a package where imports find it, without running its ``__init__``."""
    spec = find_spec(name)
    if spec is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    package = module_from_spec(spec)
    package.__class__ = _Unfinished
    sys.modules[name] = package
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, package)


class _Unfinished(ModuleType):
    """A package whose ``__init__`` runs when it is asked for a name that it does not have yet."""

    def __getattr__(self, name: str) -> Any:
        own = f"{self.__name__}.{name}"
        if own in sys.modules:  # a submodule that is being imported, and asked for by one that it imports
            return sys.modules[own]
        self.__class__ = ModuleType  # type: ignore[assignment]
        assert self.__spec__ is not None
        assert self.__spec__.loader is not None
        with _on_our_terms():
            self.__spec__.loader.exec_module(self)
        return getattr(self, name)


@contextmanager
def _on_our_terms() -> Iterator[None]:
    """Hide pyfluidsynth, and keep quiet.

    partitura 1.9.0 downloads a soundfont of 35 MB while it is *imported* if pyfluidsynth works, and
    fails without a network; we only read scores with it.
    """
    here = "fluidsynth" in sys.modules
    seen = sys.modules.get("fluidsynth")
    sys.modules["fluidsynth"] = None  # type: ignore[assignment]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        del sys.modules["fluidsynth"]
        if here:  # None too: one package may complete another
            sys.modules["fluidsynth"] = seen  # type: ignore[assignment]
