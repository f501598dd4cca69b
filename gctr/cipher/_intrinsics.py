"""The LLVM kernels as functions that numba code can call; each takes arrays and byte offsets into them.

`lanes` is a tuple whose length, known when numba compiles, is the number of blocks a register: 1, 2 or 4.
No bounds are checked here; `gctr.cipher.aes` and `gctr.cipher._groups` do. Numba's cache does not notice a change of
the IR: after one, delete ``gctr/cipher/__pycache__`` (the tests do).
"""

import platform
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.core.registry import cpu_target
from numba.extending import intrinsic

# Numba imports this at its first call, and SciPy with it; better before, with everything else.
from numba.np import arraymath as _arraymath  # noqa: F401

from gctr.cipher._ir import PTR, Target
from gctr.cipher._ir_buckets import xor_marked_kernel, xor_run_kernel
from gctr.cipher._ir_counter import counter_kernel, listed_kernel, sub_word_kernel
from gctr.cipher._ir_groups import number_group_kernel, xor_group_kernel
from gctr.cipher._ir_layout import cuts_kernel
from gctr.cipher._ir_sha256 import hash_kernel

_U64 = types.uint64
_ARM = platform.machine().lower() in ("aarch64", "arm64")
_NEEDS = {
    Target("x86", 1): {"aes", "sse4.1"},
    Target("x86", 2): {"aes", "vaes", "avx2"},
    Target("x86", 4): {"aes", "vaes", "avx512f", "avx512bw"},
    Target("arm", 1): {"aes"},
}


def target_of(lanes: int) -> Target:
    """Return this machine's target with that many blocks a register."""
    return Target("arm" if _ARM else "x86", lanes)


def can_run(target: Target) -> bool:
    """Whether numba compiles for a CPU with the target's AES instructions.

    Numba's own target is asked, not the CPU: NUMBA_CPU_NAME and NUMBA_CPU_FEATURES may lower it, and its cache is
    keyed by it, so that code cached on one CPU is never loaded on another.
    """
    _, cpu, features = cpu_target.target_context.codegen().magic_tuple()
    if target.arch == "arm" and cpu.startswith("apple-"):
        return _ARM
    present = {feature[1:] for feature in features.split(",") if feature.startswith("+")}
    return target.arch == ("arm" if _ARM else "x86") and _NEEDS.get(target, {"?"}) <= present


def _aes_target(lanes: types.UniTuple) -> Target:
    target = target_of(lanes.count)
    if not can_run(target):
        raise TypingError(f"this CPU has no AES instructions on {lanes.count} blocks a register")
    return target


def _xor_target(lanes: types.UniTuple) -> Target:
    """Target for kernels without AES, which one block a register runs everywhere."""
    target = target_of(lanes.count)
    return target if can_run(target) else target_of(1)


def _pointer(
    context: Any, builder: ir.IRBuilder, kind: types.Array, array: ir.Value, at: ir.Value
) -> ir.Value:
    data = context.make_array(kind)(context, builder, array).data
    return builder.gep(builder.bitcast(data, PTR), [at])


def _call(kernel: Callable[[ir.Module], ir.Function]) -> Callable:
    """Return a code generator: an array and the offset after it become a pointer, `lanes` disappears."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        values: list[ir.Value] = []
        pairs = iter(zip(signature.args, args, strict=True))
        for kind, value in pairs:
            if isinstance(kind, types.Array):
                values.append(_pointer(context, builder, kind, value, next(pairs)[1]))
            elif not isinstance(kind, types.UniTuple):
                values.append(value)
        builder.call(kernel(builder.module), values)
        return context.get_dummy_value()

    return generate


def _aes_counter(
    typingctx, lanes, schedule, s_at, rounds, upper, lower, src, src_at, dst, dst_at, size, streaming
):
    """dst = src XOR AES of the counters (upper, lower), (upper, lower + 1), ...; `lower` must not wrap."""
    target = _aes_target(lanes)
    arguments = lanes, schedule, _U64, _U64, _U64, _U64, src, _U64, dst, _U64, _U64, types.boolean
    return types.void(*arguments), _call(lambda module: counter_kernel(module, target))


def _aes_listed(
    typingctx, lanes, schedule, s_at, rounds, upper, lowers, l_at, src, src_at, dst, dst_at, size, streaming
):
    """dst = src XOR AES of the counters (upper, lowers[0]), (upper, lowers[1]), ...; these big-endian."""
    target = _aes_target(lanes)
    arguments = lanes, schedule, _U64, _U64, _U64, lowers, _U64, src, _U64, dst, _U64, _U64, types.boolean
    return types.void(*arguments), _call(lambda module: listed_kernel(module, target))


def _sub_word(typingctx, lanes, word):
    """SubWord of FIPS 197 on a word in memory order."""
    target = _aes_target(lanes)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        result = cgutils.alloca_once(builder, ir.IntType(32))
        builder.call(sub_word_kernel(builder.module, target), [args[1], builder.bitcast(result, PTR)])
        return builder.load(result)

    return types.uint32(lanes, types.uint32), generate


def _draw_cuts(typingctx, k0, k1, first, cuts, at):
    """Write the four cuts of groups `first` to ``first + 15`` into `cuts`, (4, 16) uint64."""
    return types.void(_U64, _U64, _U64, cuts, _U64), _call(cuts_kernel)


def _xor_group(typingctx, lanes, vectors, v_at, cuts, c_at, src, src_at, dst, dst_at, streaming):
    """Xor one group of 1600 bytes with its five vectors, cut where a column of `cuts` says."""
    target = _xor_target(lanes)
    arguments = lanes, vectors, _U64, cuts, _U64, src, _U64, dst, _U64, types.boolean
    return types.void(*arguments), _call(lambda module: xor_group_kernel(module, target))


def _number_group(typingctx, lanes, bucket, cuts, c_at, counters, at):
    """Number the 100 blocks of a group as bucket_ctr counts them, in memory order; 104 words are written."""
    target = _xor_target(lanes)
    arguments = lanes, _U64, cuts, _U64, counters, _U64
    return types.void(*arguments), _call(lambda module: number_group_kernel(module, target))


def _xor_run(typingctx, lanes, vector, v_at, src, src_at, dst, dst_at, size):
    """Xor `size` bytes, whole blocks, with one repeated vector."""
    target = _xor_target(lanes)
    arguments = lanes, vector, _U64, src, _U64, dst, _U64, _U64
    return types.void(*arguments), _call(lambda module: xor_run_kernel(module, target))


def _xor_marked(typingctx, vectors, v_at, marks, m_at, src, src_at, dst, dst_at, blocks):
    """Xor blocks one by one; a bit of `marks`, (n,) uint64, says where the next vector begins."""
    arguments = vectors, _U64, marks, _U64, src, _U64, dst, _U64, _U64
    return types.void(*arguments), _call(xor_marked_kernel)


def _hash_16(typingctx, rows, at):
    """Replace 16 rows of two uint64 by the first 128 bits of the SHA-256 of each."""
    return types.void(rows, _U64), _call(lambda module: hash_kernel(module, 16))


def _hash_1(typingctx, rows, at):
    """Replace a row of two uint64 by the first 128 bits of its SHA-256."""
    return types.void(rows, _U64), _call(lambda module: hash_kernel(module, 1))


def _swap_bytes(typingctx, word):
    """Return a uint64 with its bytes in the other order."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        return builder.bswap(args[0])

    return types.uint64(_U64), generate


def _settle(typingctx):
    """Order what was written past the cache before what is written next, as other threads see it."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), generate


def _mulhi(typingctx, a, b):
    """Upper 64 bits of the 128-bit product of two uint64."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        wide = ir.IntType(128)
        product = builder.mul(*(builder.zext(arg, wide) for arg in args))
        return builder.trunc(builder.lshr(product, wide(64)), args[0].type)

    return types.uint64(_U64, _U64), generate


def _trailing_zeros(typingctx, word):
    """Number of zero bits below the lowest set bit of a uint64."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        return builder.cttz(args[0], ir.IntType(1)(0))

    return types.uint64(_U64), generate


# Typed as Any: numba gives an intrinsic its own arguments, which no type checker follows.
aes_counter: Any = intrinsic(_aes_counter)
aes_listed: Any = intrinsic(_aes_listed)
sub_word: Any = intrinsic(_sub_word)
draw_cuts: Any = intrinsic(_draw_cuts)
xor_group: Any = intrinsic(_xor_group)
number_group: Any = intrinsic(_number_group)
xor_run: Any = intrinsic(_xor_run)
xor_marked: Any = intrinsic(_xor_marked)
hash_16: Any = intrinsic(_hash_16)
hash_1: Any = intrinsic(_hash_1)
swap_bytes: Any = intrinsic(_swap_bytes)
settle: Any = intrinsic(_settle)
mulhi: Any = intrinsic(_mulhi)
trailing_zeros: Any = intrinsic(_trailing_zeros)
