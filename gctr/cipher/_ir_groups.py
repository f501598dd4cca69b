"""LLVM IR of a whole group of GCTR version 1 without a branch: its xor with five vectors, its blocks numbered.

A loop over buckets of random length mispredicts at every end, which costs more than the AES it saves. Here the bucket
of every block comes from comparing its position with the four cuts, and one permutation fetches what the bucket has.
"""

from collections.abc import Callable

from llvmlite import ir

from gctr.cipher._ir import (
    I8,
    I32,
    I64,
    PAIR,
    PTR,
    Target,
    declare,
    function,
    load,
    shuffle,
    splat,
    store,
    stream,
)
from gctr.cipher._ir_layout import CUTS, GROUPS, UNITS

_WIDEST = Target("x86", 4)
_WORDS, _OCTETS = ir.VectorType(I64, 8), ir.VectorType(I8, 64)
Reader = Callable[[int], ir.Value]


def xor_group_kernel(module: ir.Module, target: Target) -> ir.Function:
    """Return ``kernel(vectors*, cuts*, src*, dst*, streaming)``: xor one whole group of 1600 bytes.

    `vectors` are the group's five, `cuts` its column of what `cuts_kernel` wrote.
    """
    kernel, new = function(module, f"gctr.group.{target.arch}.{target.lanes}", [PTR] * 4 + [ir.IntType(1)])
    if new:
        _write_xor_group(kernel, target)
    return kernel


def number_group_kernel(module: ir.Module, target: Target) -> ir.Function:
    """Return ``kernel(bucket, cuts*, counters*)``: number the blocks of a group as bucket_ctr counts them.

    `bucket` is the number of the group's first bucket. Each of the 100 64-bit words of `counters` becomes
    ``BE32(bucket) || BE32(block in it)``; four more are written.
    """
    kernel, new = function(module, f"gctr.number.{target.arch}.{target.lanes}", [I64, PTR, PTR])
    if new:
        _write_number_group(kernel, target)
    return kernel


def _write_xor_group(kernel: ir.Function, target: Target) -> None:
    vectors, cuts, src, dst, streaming = kernel.args
    builder = ir.IRBuilder(kernel.append_basic_block())
    bounds = _bounds(builder, cuts)
    if target == _WIDEST:
        fifth = load(builder, PAIR, vectors, I64(64))
        table = load(builder, _WORDS, vectors, I64(0)), shuffle(builder, fifth, None, [0, 1] * 4)
        read = _permuted(builder, table, bounds, 2)
    else:
        read = _loaded(builder, vectors, bounds, 2)
    with builder.if_else(streaming) as branches:
        for branch, put in zip(branches, (stream, store), strict=True):
            with branch:
                for k in range(UNITS // 4):
                    text = load(builder, _WORDS, src, I64(64 * k))
                    put(builder, builder.xor(text, read(k)), dst, I64(64 * k))
    builder.ret_void()


def _write_number_group(kernel: ir.Function, target: Target) -> None:
    bucket, cuts, counters = kernel.args
    builder = ir.IRBuilder(kernel.append_basic_block())
    bounds, starts = _bounds(builder, cuts), _starts(builder, bucket, cuts)
    if target == _WIDEST:
        read = _permuted(builder, (starts,), bounds, 1)
    else:
        memory = builder.alloca(_WORDS)
        builder.store(starts, memory)
        read = _loaded(builder, builder.bitcast(memory, PTR), bounds, 1)
    for k in range(-(-UNITS // 8)):
        place = ir.Constant(_WORDS, [(8 * k + i) << 56 for i in range(8)])
        store(builder, builder.add(read(k), place), counters, I64(64 * k))
    builder.ret_void()


def _starts(builder: ir.IRBuilder, bucket: ir.Value, cuts: ir.Value) -> ir.Value:
    """Return what stands in memory for block 0 of the group in each bucket, were it to begin there.

    Block and cut are below 256, so that they touch the last byte alone.
    """
    before = ir.Constant(_WORDS, [0] * 8)
    for j in range(1, CUTS + 1):
        cut = builder.load(_word(builder, cuts, I64(GROUPS * (j - 1))))
        before = builder.insert_element(before, cut, I32(j))
    number = builder.add(splat(builder, bucket, 8), ir.Constant(_WORDS, list(range(8))))
    swap = declare(builder.module, "llvm.bswap.v8i64", _WORDS, [_WORDS])
    number = builder.call(swap, [builder.shl(number, ir.Constant(_WORDS, [32] * 8))])
    return builder.sub(number, builder.shl(before, ir.Constant(_WORDS, [56] * 8)))


def _word(builder: ir.IRBuilder, memory: ir.Value, index: ir.Value) -> ir.Value:
    return builder.gep(builder.bitcast(memory, I64.as_pointer()), [index])


def _bounds(builder: ir.IRBuilder, cuts: ir.Value) -> list[ir.Value]:
    return [splat(builder, builder.load(builder.gep(cuts, [I64(8 * GROUPS * k)])), 64) for k in range(CUTS)]


def _index(builder: ir.IRBuilder, bounds: list[ir.Value], words: list[int], each: int) -> ir.Value:
    """Return, for 64 of the group's words, which word of the buckets' each takes, as bytes; a block has `each`.

    A block's bucket is the number of cuts at or before it.
    """
    unit = ir.Constant(_OCTETS, [word // each for word in words])
    index, step = ir.Constant(_OCTETS, [word % each for word in words]), ir.Constant(_OCTETS, [each] * 64)
    for bound in bounds:
        index = builder.select(builder.icmp_unsigned(">=", unit, bound), builder.add(index, step), index)
    return index


def _permuted(
    builder: ir.IRBuilder, table: tuple[ir.Value, ...], bounds: list[ir.Value], each: int
) -> Reader:
    """Return a reader of the k-th eight words: what the buckets have stands in registers, and a permutation picks.

    It looks at the lowest bits of each of its eight 64-bit indices only. So the indices of eight registers stand above
    one another, and a shift brings up the next.
    """
    name, found = ("permvar.di" if len(table) == 1 else "vpermi2var.q"), {}
    permute = declare(builder.module, f"llvm.x86.avx512.{name}.512", _WORDS, [_WORDS] * (len(table) + 1))

    def read(k: int) -> ir.Value:
        high, low = divmod(k, 8)
        if low == 0:
            words = [64 * high + 8 * row + lane for lane in range(8) for row in range(8)]
            found[high] = builder.bitcast(_index(builder, bounds, words, each), _WORDS)
        index = builder.lshr(found[high], ir.Constant(_WORDS, [8 * low] * 8))
        return builder.call(permute, [table[0], index, *table[1:]])

    return read


def _loaded(builder: ir.IRBuilder, table: ir.Value, bounds: list[ir.Value], each: int) -> Reader:
    """Return a reader of the k-th eight words: a load a block."""
    memory = builder.alloca(_OCTETS, size=4)
    memory.align = 64
    for i in range(-(-UNITS * each // 64)):
        words = list(range(64 * i, 64 * i + 64))
        builder.store(_index(builder, bounds, words, each), builder.gep(memory, [I32(i)]), align=64)
    index = builder.bitcast(memory, PTR)

    def block(word: int) -> ir.Value:
        at = builder.zext(builder.load(builder.gep(index, [I64(word)])), I64)
        return load(builder, ir.VectorType(I64, each), table, builder.shl(at, I64(3)))

    def read(k: int) -> ir.Value:
        found = [block(word) for word in range(8 * k, 8 * k + 8, each)]
        while len(found) > 1:
            order = list(range(2 * found[0].type.count))
            found = [shuffle(builder, a, b, order) for a, b in zip(found[::2], found[1::2], strict=True)]
        return found[0]

    return read
