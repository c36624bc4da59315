"""Sixteen floats at once for numba: the few vector operations that the DTW kernels are written in.

Numba's vectoriser leaves the recurrence of DTW in memory; these intrinsics keep it in registers, which is ten
times faster. They are LLVM vectors, not instructions of one processor: LLVM lowers them to AVX-512, AVX2, SSE
or NEON as it finds.
"""

# mypy: disable-error-code="no-untyped-call"
# (numba and llvmlite are partly annotated)
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core.cgutils import get_or_insert_function
from numba.core.datamodel.models import PrimitiveModel
from numba.extending import intrinsic as numba_intrinsic
from numba.extending import register_model

WIDTH = 16

# Numba's own annotations describe the undecorated function.
intrinsic: Callable[[Callable[..., Any]], Any] = numba_intrinsic

_FLOATS = ir.VectorType(ir.FloatType(), WIDTH)
_BITS = ir.VectorType(ir.IntType(1), WIDTH)


class _Vector(types.Type):
    """Numba's name for an LLVM vector."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name)


floats = _Vector("floats16")
mask = _Vector("mask16")


@register_model(_Vector)
class _VectorModel(PrimitiveModel):
    def __init__(self, manager: Any, fe_type: _Vector) -> None:
        super().__init__(manager, fe_type, _FLOATS if fe_type.name == "floats16" else _BITS)


def _address(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    """Return a pointer to the vector that starts at ``index`` of a one-dimensional float32 array."""
    from numba.np.arrayobj import make_array

    data = make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), _FLOATS.as_pointer())


def _splat(builder: Any, scalar: Any, vector: Any) -> Any:
    """Return a vector with the scalar in every lane."""
    undefined = ir.Constant(vector, ir.Undefined)
    one = builder.insert_element(undefined, scalar, ir.Constant(ir.IntType(32), 0))
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH)
    return builder.shuffle_vector(one, undefined, lanes)


def _call(builder: Any, name: str, args: Any) -> Any:
    """Call an intrinsic of LLVM from vectors to a vector."""
    function_type = ir.FunctionType(_FLOATS, [_FLOATS] * len(args))
    function = get_or_insert_function(builder.module, function_type, f"{name}.v{WIDTH}f32")
    return builder.call(function, args)


@intrinsic
def load(typing: Any, array: Any, index: Any) -> Any:
    """Return ``array[index : index + 16]`` of a contiguous float32 array; nothing is checked."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(_address(context, builder, signature.args[0], *args), align=4)

    return floats(array, types.intp), codegen


@intrinsic
def store(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """Write 16 floats from ``array[index]`` on; nothing is checked."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[2], _address(context, builder, signature.args[0], args[0], args[1]), align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, floats), codegen


@intrinsic
def splat(typing: Any, value: Any) -> Any:
    """Return 16 times one float."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _splat(builder, args[0], _FLOATS)

    return floats(types.float32), codegen


@intrinsic
def sub(typing: Any, a: Any, b: Any) -> Any:
    """Return ``a - b``."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fsub(*args)

    return floats(floats, floats), codegen


@intrinsic
def fma(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """Return ``a * b + c``, fused where the processor can."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _call(builder, "llvm.fmuladd", args)

    return floats(floats, floats, floats), codegen


@intrinsic
def sqrt(typing: Any, a: Any) -> Any:
    """Return the square roots."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _call(builder, "llvm.sqrt", args)

    return floats(floats), codegen


@intrinsic
def below(typing: Any, a: Any, b: Any, or_equal: Any) -> Any:
    """Return where ``a < b``, or ``a <= b`` if the flag says so."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        less = builder.fcmp_ordered("<", args[0], args[1])
        equal = builder.fcmp_ordered("==", args[0], args[1])
        return builder.or_(less, builder.and_(equal, _splat(builder, args[2], _BITS)))

    return mask(floats, floats, types.boolean), codegen


@intrinsic
def select(typing: Any, where: Any, a: Any, b: Any) -> Any:
    """Return ``a`` where the mask is set, else ``b``."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(*args)

    return floats(mask, floats, floats), codegen


@intrinsic
def bits(typing: Any, high: Any, low: Any) -> Any:
    """Return two masks as one uint32: lane ``k`` is bit ``k`` of its half."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        half, word = ir.IntType(WIDTH), ir.IntType(2 * WIDTH)
        upper, lower = (builder.zext(builder.bitcast(arg, half), word) for arg in args)
        return builder.or_(builder.shl(upper, ir.Constant(word, WIDTH)), lower)

    return types.uint32(mask, mask), codegen


@intrinsic
def shifted(typing: Any, below_lane_0: Any, value: Any) -> Any:
    """Return the value moved up one lane; the last lane of the first argument moves into lane 0."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), list(range(WIDTH - 1, 2 * WIDTH - 1)))
        return builder.shuffle_vector(args[0], args[1], lanes)

    return floats(floats, floats), codegen


@intrinsic
def last(typing: Any, value: Any) -> Any:
    """Return the last lane."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.extract_element(args[0], ir.Constant(ir.IntType(32), WIDTH - 1))

    return types.float32(floats), codegen
