"""Matrix products on one thread."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any


def one_thread() -> AbstractContextManager[Any]:
    """Return a context in which NumPy's BLAS uses one thread of this process.

    Our matrix products take tens of microseconds. Shared between threads they take longer, because each
    waits for the other: a little on an idle machine, twenty times as long on a busy one.
    """
    context: AbstractContextManager[Any] = _controller().limit(limits=1)
    return context


@cache
def _controller() -> Any:
    import numpy  # noqa: F401, so that its BLAS is there to be found
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController().select(user_api="blas")
