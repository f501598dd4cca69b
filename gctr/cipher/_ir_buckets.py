"""LLVM IR of GCTR's own work: the cuts of sixteen groups at once, and the xor of a whole group without a branch.

A loop over buckets of random length mispredicts at every end, which costs more than the AES it saves. Here the bucket
of every block comes from comparing its position with the four cuts, and one permutation fetches the vectors.
"""

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
    repeat_block,
    shuffle,
    splat,
    store,
    stream,
)

GROUPS = 16  # groups whose cuts are drawn together: two registers of 512 bits hide the multiplier's latency
UNITS, CUTS = 100, 4  # of GCTR version 1
_MULTIPLIERS = 0xD2E7470EE14C6C93, 0xCA5A826395121157
_WEYL = 0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B
_LOW = 0xFFFFFFFF
_WIDE = ir.VectorType(I64, GROUPS)


def cuts_kernel(module: ir.Module) -> ir.Function:
    """Return ``kernel(k0, k1, first, cuts*)``: the cuts of groups `first` to ``first + 15``.

    `cuts` is (4, 16) uint64. Philox4x64-10 keyed (k0, k1) on counter (group, 0, 0, 0), then Floyd's sampling.
    """
    kernel, new = function(module, "gctr.cuts", [I64, I64, I64, PTR])
    if new:
        builder = ir.IRBuilder(kernel.append_basic_block())
        key = [splat(builder, word, GROUPS) for word in kernel.args[:2]]
        group = builder.add(splat(builder, kernel.args[2], GROUPS), ir.Constant(_WIDE, list(range(GROUPS))))
        cuts: list[ir.Value] = []
        for k, word in enumerate(_philox(builder, key, group)):
            cuts.append(_floyd(builder, cuts, word, UNITS - CUTS + k))
        for k, cut in enumerate(_sorted(builder, cuts)):
            store(builder, cut, kernel.args[3], I64(8 * GROUPS * k))
        builder.ret_void()
    return kernel


def xor_group_kernel(module: ir.Module, target: Target) -> ir.Function:
    """Return ``kernel(vectors*, cuts*, src*, dst*, streaming)``: xor one whole group of 1600 bytes.

    `vectors` are the group's five, `cuts` its column of what `cuts_kernel` wrote.
    """
    kernel, new = function(module, f"gctr.group.{target.arch}.{target.lanes}", [PTR] * 4 + [ir.IntType(1)])
    if new:
        _write_xor_group(kernel, target)
    return kernel


def xor_run_kernel(module: ir.Module, target: Target) -> ir.Function:
    """Return ``kernel(vector*, src*, dst*, size)``: xor whole blocks with one repeated vector.

    The caller takes what is left when `size` is no multiple of 16.
    """
    kernel, new = function(module, f"gctr.run.{target.arch}.{target.lanes}", [PTR, PTR, PTR, I64])
    if new:
        _write_xor_run(kernel, target)
    return kernel


def xor_marked_kernel(module: ir.Module) -> ir.Function:
    """Return ``kernel(vectors*, marks*, src*, dst*, blocks)``: go to the next vector where a bit of `marks` is set.

    Without a branch at a bucket's end, so that short buckets cost no more than long ones.
    """
    kernel, new = function(module, "gctr.marked", [PTR, PTR, PTR, PTR, I64])
    if new:
        _write_xor_marked(kernel)
    return kernel


def _words(value: int) -> ir.Constant:
    return ir.Constant(_WIDE, [I64(value % (1 << 64))] * GROUPS)


def _mulhi(builder: ir.IRBuilder, a: ir.Value, b: int) -> ir.Value:
    """Upper 64 bits of a product, by 32-bit halves: no vector instruction multiplies 64 by 64 bits to 128."""
    low, high = builder.and_(a, _words(_LOW)), builder.lshr(a, _words(32))
    middle = builder.add(
        builder.mul(high, _words(b & _LOW)), builder.lshr(builder.mul(low, _words(b & _LOW)), _words(32))
    )
    if b <= _LOW:
        return builder.lshr(middle, _words(32))
    other = builder.add(builder.mul(low, _words(b >> 32)), builder.and_(middle, _words(_LOW)))
    carries = builder.add(builder.lshr(middle, _words(32)), builder.lshr(other, _words(32)))
    return builder.add(builder.mul(high, _words(b >> 32)), carries)


def _philox(builder: ir.IRBuilder, key: list[ir.Value], counter: ir.Value) -> list[ir.Value]:
    words = [counter, _words(0), _words(0), _words(0)]
    for r in range(10):
        keys = [builder.add(k, _words(r * weyl)) for k, weyl in zip(key, _WEYL, strict=True)]
        high = [_mulhi(builder, words[2 * i], _MULTIPLIERS[i]) for i in (0, 1)]
        low = [builder.mul(words[2 * i], _words(_MULTIPLIERS[i])) for i in (0, 1)]
        mixed = [builder.xor(builder.xor(high[1 - i], words[2 * i + 1]), keys[i]) for i in (0, 1)]
        words = [mixed[0], low[1], mixed[1], low[0]]
    return words


def _floyd(builder: ir.IRBuilder, earlier: list[ir.Value], word: ir.Value, limit: int) -> ir.Value:
    """Draw a cut from 1 to `limit`, or take `limit` itself where the draw was taken before."""
    draw = builder.add(_mulhi(builder, word, limit), _words(1))
    for cut in earlier:
        draw = builder.select(builder.icmp_unsigned("==", draw, cut), _words(limit), draw)
    return draw


def _sorted(builder: ir.IRBuilder, cuts: list[ir.Value]) -> list[ir.Value]:
    """Sort four vectors, each column on its own, by a sorting network."""
    cuts = list(cuts)
    for i, j in ((0, 1), (2, 3), (0, 2), (1, 3), (1, 2)):
        less = builder.icmp_unsigned("<", cuts[i], cuts[j])
        cuts[i], cuts[j] = builder.select(less, cuts[i], cuts[j]), builder.select(less, cuts[j], cuts[i])
    return cuts


def _write_xor_group(kernel: ir.Function, target: Target) -> None:
    vectors, cuts, src, dst, streaming = kernel.args
    builder = ir.IRBuilder(kernel.append_basic_block())
    index = _index_words(builder, cuts)
    fetch = _fetch_permuted if target == Target("x86", 4) else _fetch_loaded
    with builder.if_else(streaming) as branches:
        for branch, put in zip(branches, (stream, store), strict=True):
            with branch:
                read = fetch(builder, vectors, index)
                for unit in range(0, UNITS, 4):
                    text = load(builder, Target("x86", 4).vector, src, I64(16 * unit))
                    put(builder, builder.xor(text, read(unit)), dst, I64(16 * unit))
    builder.ret_void()


def _index_words(builder: ir.IRBuilder, cuts: ir.Value) -> ir.Value:
    """Write, for each 64-bit word of the group, which word of the vectors it takes; 256 bytes, of which 200 count.

    A block's bucket is the number of cuts at or before it.
    """
    kind = ir.VectorType(I8, 64)
    memory = builder.alloca(kind, size=4)
    memory.align = 64
    two = ir.Constant(kind, [2] * 64)
    bounds = [splat(builder, builder.load(builder.gep(cuts, [I64(8 * GROUPS * k)])), 64) for k in range(CUTS)]
    for quarter in range(4):
        unit = ir.Constant(kind, [(64 * quarter + i) // 2 for i in range(64)])
        index = ir.Constant(kind, [i % 2 for i in range(64)])
        for bound in bounds:
            index = builder.select(builder.icmp_unsigned(">=", unit, bound), builder.add(index, two), index)
        builder.store(index, builder.gep(memory, [I32(quarter)]), align=64)
    return builder.bitcast(memory, PTR)


def _fetch_permuted(builder: ir.IRBuilder, vectors: ir.Value, index: ir.Value):
    """Return a reader of four blocks' vectors: the five stand in two registers, one permutation picks from both."""
    kind = ir.VectorType(I64, 8)
    permute = declare(builder.module, "llvm.x86.avx512.vpermi2var.q.512", kind, [kind, kind, kind])
    four, fifth = load(builder, kind, vectors, I64(0)), load(builder, PAIR, vectors, I64(64))
    last = shuffle(builder, fifth, None, [0, 1] * 4)

    def read(unit: int) -> ir.Value:
        picked = builder.zext(load(builder, ir.VectorType(I8, 8), index, I64(2 * unit)), kind)
        return builder.call(permute, [four, picked, last])

    return read


def _fetch_loaded(builder: ir.IRBuilder, vectors: ir.Value, index: ir.Value):
    """Return a reader of four blocks' vectors: one load a block."""

    def block(unit: int) -> ir.Value:
        word = builder.zext(builder.load(builder.gep(index, [I64(2 * unit)])), I64)
        return load(builder, PAIR, vectors, builder.mul(word, I64(8)))

    def read(unit: int) -> ir.Value:
        pairs = [shuffle(builder, block(unit + i), block(unit + i + 1), [0, 1, 2, 3]) for i in (0, 2)]
        return shuffle(builder, pairs[0], pairs[1], list(range(8)))

    return read


def _write_xor_run(kernel: ir.Function, target: Target) -> None:
    vector, src, dst, size = kernel.args
    builder = ir.IRBuilder(kernel.append_basic_block())
    block, at = load(builder, PAIR, vector, I64(0)), I64(0)
    for width in (target, Target(target.arch, 1)):  # whole registers, then single blocks
        mask, before = repeat_block(builder, width, block), builder.block
        head, body, after = (kernel.append_basic_block() for _ in range(3))
        builder.branch(head)
        builder.position_at_end(head)
        now = builder.phi(I64)
        now.add_incoming(at, before)
        end = builder.add(now, I64(width.bytes))
        builder.cbranch(builder.icmp_unsigned("<=", end, size), body, after)
        builder.position_at_end(body)
        store(builder, builder.xor(load(builder, width.vector, src, now), mask), dst, now)
        now.add_incoming(end, body)
        builder.branch(head)
        builder.position_at_end(after)
        at = now
    builder.ret_void()


def _write_xor_marked(kernel: ir.Function) -> None:
    vectors, marks, src, dst, blocks = kernel.args
    builder = ir.IRBuilder(kernel.append_basic_block())
    before, head, body, after = builder.block, *(kernel.append_basic_block() for _ in range(3))
    builder.branch(head)
    builder.position_at_end(head)
    unit, vector = builder.phi(I64), builder.phi(I64)
    builder.cbranch(builder.icmp_unsigned("<", unit, blocks), body, after)
    builder.position_at_end(body)
    word = load(builder, I64, marks, builder.shl(builder.lshr(unit, I64(6)), I64(3)))
    bit = builder.and_(builder.lshr(word, builder.and_(unit, I64(63))), I64(1))
    found, at = builder.add(vector, builder.shl(bit, I64(4))), builder.shl(unit, I64(4))
    text, mask = load(builder, PAIR, src, at), load(builder, PAIR, vectors, found)
    store(builder, builder.xor(text, mask), dst, at)
    for phi, following in ((unit, builder.add(unit, I64(1))), (vector, found)):
        phi.add_incoming(I64(0), before)
        phi.add_incoming(following, body)
    builder.branch(head)
    builder.position_at_end(after)
    builder.ret_void()
