"""LLVM IR of SHA-256 (FIPS 180-4) over 16-byte messages, one to sixteen at once: for a batch of messages, the library's
call and even one message after the other in numba cost more than AES.

One block, no secret-dependent branch or address. Oracle: `hashlib`.
"""

import math

from llvmlite import ir

from gctr.cipher._ir import I32, I64, PTR, declare, function, load, shuffle, store


def _primes(count: int) -> list[int]:
    found: list[int] = []
    candidate = 2
    while len(found) < count:
        if all(candidate % prime for prime in found):
            found.append(candidate)
        candidate += 1
    return found


def _cube_root(value: int) -> int:
    """Integer part of the cube root, by Newton's method."""
    root = 1 << -(-value.bit_length() // 3)
    while (smaller := (2 * root + value // root**2) // 3) < root:
        root = smaller
    return root


# FIPS 180-4, 4.2.2 and 5.3.3: fractions of the cube roots of 64 primes, of the square roots of 8.
ROUND_CONSTANTS = [_cube_root(prime << 96) % (1 << 32) for prime in _primes(64)]
INITIAL_HASH = [math.isqrt(prime << 64) % (1 << 32) for prime in _primes(8)]


def hash_kernel(module: ir.Module, width: int) -> ir.Function:
    """Return ``kernel(rows*)``: replace each of `width` rows by the first 128 bits of its hash.

    A row is two uint64, the upper and the lower half of a big-endian number.
    """
    kernel, new = function(module, f"gctr.hash.{width}", [PTR])
    if new:
        builder = ir.IRBuilder(kernel.append_basic_block())
        rows = load(builder, ir.VectorType(I32, 4 * width), kernel.args[0], I64(0))
        # In memory the lower half of a uint64 comes first.
        words = [shuffle(builder, rows, None, list(range(k, 4 * width, 4))) for k in (1, 0, 3, 2)]
        found = _Sha256(builder, width).digest(words)[:4]
        upper, lower = (shuffle(builder, found[k + 1], found[k], _in_turn(width, 1)) for k in (0, 2))
        store(builder, shuffle(builder, upper, lower, _in_turn(width, 2)), kernel.args[0], I64(0))
        builder.ret_void()
    return kernel


def _in_turn(count: int, run: int) -> list[int]:
    """Order that takes `run` elements from two vectors of ``count * run`` in turn."""
    return [run * (i + count * vector) + k for i in range(count) for vector in (0, 1) for k in range(run)]


class _Sha256:
    """Writes the compression of one block, each operation on a vector of messages."""

    def __init__(self, builder: ir.IRBuilder, width: int) -> None:
        self.b, self.kind = builder, ir.VectorType(I32, width)
        self.rotation = declare(builder.module, f"llvm.fshr.v{width}i32", self.kind, [self.kind] * 3)

    def digest(self, message: list[ir.Value]) -> list[ir.Value]:
        """Hash messages of four words each."""
        padding = [1 << 31, *[0] * 10, 128]  # one bit, and the length in bits
        schedule = message + [self.constant(word) for word in padding]
        start = state = [self.constant(word) for word in INITIAL_HASH]
        for t, constant in enumerate(ROUND_CONSTANTS):
            if t >= 16:
                schedule.append(self.expanded(schedule, t))
            state = self.round(state, self.b.add(schedule[t], self.constant(constant)))
        return [self.b.add(before, after) for before, after in zip(start, state, strict=True)]

    def expanded(self, w: list[ir.Value], t: int) -> ir.Value:
        small0 = self.mixed(w[t - 15], 7, 18, shift=3)
        small1 = self.mixed(w[t - 2], 17, 19, shift=10)
        return self.b.add(self.b.add(small1, w[t - 7]), self.b.add(small0, w[t - 16]))

    def round(self, state: list[ir.Value], added: ir.Value) -> list[ir.Value]:
        a, b, c, d, e, f, g, h = state
        choose = self.b.xor(g, self.b.and_(e, self.b.xor(f, g)))
        majority = self.b.or_(self.b.and_(a, b), self.b.and_(c, self.b.or_(a, b)))
        one = self.b.add(self.b.add(h, added), self.b.add(self.mixed(e, 6, 11, 25), choose))
        two = self.b.add(self.mixed(a, 2, 13, 22), majority)
        return [self.b.add(one, two), a, b, c, self.b.add(d, one), e, f, g]

    def mixed(self, x: ir.Value, *turns: int, shift: int | None = None) -> ir.Value:
        """Xor of `x` rotated right by each of `turns`, and of `x` shifted."""
        parts = [self.b.call(self.rotation, [x, x, self.constant(turn)]) for turn in turns]
        if shift is not None:
            parts.append(self.b.lshr(x, self.constant(shift)))
        result = parts[0]
        for part in parts[1:]:
            result = self.b.xor(result, part)
        return result

    def constant(self, word: int) -> ir.Constant:
        return ir.Constant(self.kind, [word] * self.kind.count)
