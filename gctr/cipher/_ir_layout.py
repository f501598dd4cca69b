"""LLVM IR of the layout of GCTR version 1: the cuts of eight or sixteen groups at once.

Generator: Philox4x64-10 (Salmon et al., SC 2011); sampling: Floyd (Bentley & Floyd, CACM 30, 1987). Oracle:
`numpy.random.Philox`, in tests/reference.py.
"""

from llvmlite import ir

from gctr.cipher._ir import I64, PTR, function, splat, store

GROUPS = 16  # groups whose cuts are drawn together: two registers of 512 bits hide the multiplier's latency
UNITS, CUTS = 100, 4  # of GCTR version 1
MULTIPLIERS = 0xD2E7470EE14C6C93, 0xCA5A826395121157
WEYL = 0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B
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
        keys = [builder.add(k, _words(r * weyl)) for k, weyl in zip(key, WEYL, strict=True)]
        high = [_mulhi(builder, words[2 * i], MULTIPLIERS[i]) for i in (0, 1)]
        low = [builder.mul(words[2 * i], _words(MULTIPLIERS[i])) for i in (0, 1)]
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
