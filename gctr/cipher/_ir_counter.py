"""LLVM IR of AES in counter mode: the whole loop, so that counters and data stay in registers.

Eight registers are in flight, which hides the latency of an AES round. The data is xored into the last round key, so
it costs no instruction of its own. References: FIPS 197; Intel 323641 (AES-NI); Arm DDI 0487 (AESE, AESMC).
"""

from llvmlite import ir

from gctr.cipher._ir import (
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

IN_FLIGHT = 8
I1 = ir.IntType(1)


def counter_kernel(module: ir.Module, target: Target, *, listed: bool) -> ir.Function:
    """Return ``kernel(schedule*, rounds, upper, lower, src*, dst*, size, streaming)``.

    It writes ``dst = src XOR AES(counter 0) || AES(counter 1) || ...``; the counters' upper 64 bits are `upper`, the
    lower are ``lower + i``, or where `listed` the i-th of the 64-bit words that `lower` points to (readable up to a
    whole register past the end). `lower` must not wrap. `src` and `dst` are the same or do not overlap.
    """
    name = f"gctr.{'listed' if listed else 'counter'}.{target.arch}.{target.lanes}"
    lower = PTR if listed else I64
    kernel, new = function(module, name, [PTR, I64, I64, lower, PTR, PTR, I64, I1])
    if new:
        _CounterKernel(kernel, target, listed).write()
    return kernel


def sub_word_kernel(module: ir.Module, target: Target) -> ir.Function:
    """Return ``kernel(word, result*)``: SubWord of FIPS 197, by one AES round on four equal columns."""
    kernel, new = function(module, f"gctr.sub_word.{target.arch}", [I32, PTR])
    if new:
        builder = ir.IRBuilder(kernel.append_basic_block())
        state = builder.bitcast(splat(builder, kernel.args[0], 4), PAIR)
        # ShiftRows moves bytes between equal columns only, and a zero round key adds nothing: SubBytes is left.
        result = _Round(builder, Target(target.arch, 1)).substitute(state)
        word = builder.extract_element(builder.bitcast(result, ir.VectorType(I32, 4)), I32(0))
        builder.store(word, builder.bitcast(kernel.args[1], I32.as_pointer()), align=1)
        builder.ret_void()
    return kernel


class _Round:
    """The AES instructions of a target, applied to registers of two 64-bit words a block."""

    def __init__(self, builder: ir.IRBuilder, target: Target) -> None:
        self.b, self.target = builder, target

    def middle(self, state: ir.Value, key: ir.Value) -> ir.Value:
        if self.target.arch == "arm":
            return self._arm("aesmc", self._arm("aese", state, key))
        return self._x86("aesenc", state, key)

    def final(self, state: ir.Value, key: ir.Value, mask: ir.Value) -> ir.Value:
        """Last round; `mask` is the last round key, here with the data xored in. `key` is used by Arm alone."""
        if self.target.arch == "arm":
            return self.b.xor(self._arm("aese", state, key), mask)
        return self._x86("aesenclast", state, mask)

    def substitute(self, state: ir.Value) -> ir.Value:
        zero = self.target.constant([0, 0])
        return self.final(state, zero, zero)

    def _x86(self, name: str, state: ir.Value, key: ir.Value) -> ir.Value:
        width = {1: "", 2: ".256", 4: ".512"}[self.target.lanes]
        kind = self.target.vector
        return self.b.call(
            declare(self.b.module, f"llvm.x86.aesni.{name}{width}", kind, [kind, kind]), [state, key]
        )

    def _arm(self, name: str, *operands: ir.Value) -> ir.Value:
        kind = ir.VectorType(ir.IntType(8), 16)
        call = declare(self.b.module, f"llvm.aarch64.crypto.{name}", kind, [kind] * len(operands))
        return self.b.bitcast(self.b.call(call, [self.b.bitcast(x, kind) for x in operands]), PAIR)


class _CounterKernel:
    """Writes the body of one counter kernel."""

    def __init__(self, kernel: ir.Function, target: Target, listed: bool) -> None:
        self.kernel, self.target, self.listed = kernel, target, listed
        self.b = ir.IRBuilder(kernel.append_basic_block("entry"))
        self.round = _Round(self.b, target)
        self.schedule, self.rounds, self.upper, self.lower, self.src, self.dst, self.size, self.streaming = (
            kernel.args
        )

    def write(self) -> None:
        spare = self.b.alloca(self.target.vector)
        words = self.b.insert_element(self.target.constant([0, 0]), self.upper, I32(0))
        block = shuffle(self.b, words, None, [0, 1])
        if not self.listed:
            block = self.b.insert_element(block, self.lower, I32(1))
        counter = repeat_block(self.b, self.target, block)
        if not self.listed:
            ramp = [x for lane in range(self.target.lanes) for x in (0, lane)]
            counter = self.b.add(counter, ir.Constant(self.target.vector, ramp))
        at, counter = self._loop(I64(0), counter, IN_FLIGHT)
        at, counter = self._loop(at, counter, 1)
        self._tail(at, counter, self.b.bitcast(spare, PTR))
        with self.b.if_then(self.streaming):
            self.b.fence("seq_cst")  # streamed stores are not ordered otherwise
        self.b.ret_void()

    def _loop(self, at: ir.Value, counter: ir.Value, registers: int) -> tuple[ir.Value, ir.Value]:
        """Take `registers` of data at a time as long as they are whole; return where it stopped."""
        before, chunk = self.b.block, I64(registers * self.target.bytes)
        head, body, after = (self.kernel.append_basic_block() for _ in range(3))
        self.b.branch(head)
        self.b.position_at_end(head)
        now, count = self.b.phi(I64), self.b.phi(self.target.vector)
        now.add_incoming(at, before)
        count.add_incoming(counter, before)
        end = self.b.add(now, chunk)
        self.b.cbranch(self.b.icmp_unsigned("<=", end, self.size), body, after)
        self.b.position_at_end(body)
        self._chunk(now, count, registers)
        count.add_incoming(self._advance(count, registers), self.b.block)
        now.add_incoming(end, self.b.block)
        self.b.branch(head)
        self.b.position_at_end(after)
        return now, count

    def _chunk(self, at: ir.Value, counter: ir.Value, registers: int) -> None:
        offsets = [self.b.add(at, I64(i * self.target.bytes)) for i in range(registers)]
        masks = self._keystream_rounds(at, counter, registers)
        texts = [
            finish(load(self.b, self.target.vector, self.src, o))
            for o, finish in zip(offsets, masks, strict=True)
        ]
        with self.b.if_else(self.streaming) as (streamed, cached):
            for branch, put in ((streamed, stream), (cached, store)):
                with branch:
                    for text, offset in zip(texts, offsets, strict=True):
                        put(self.b, text, self.dst, offset)

    def _tail(self, at: ir.Value, counter: ir.Value, spare: ir.Value) -> None:
        """Take the last bytes through a spare register's memory, so that nothing past the end is touched."""
        rest = self.b.sub(self.size, at)
        with self.b.if_then(self.b.icmp_unsigned("!=", rest, I64(0))):
            self._copy(spare, self.b.gep(self.src, [at]), rest)
            (finish,) = self._keystream_rounds(at, counter, 1)
            store(self.b, finish(load(self.b, self.target.vector, spare, I64(0))), spare, I64(0))
            self._copy(self.b.gep(self.dst, [at]), spare, rest)

    def _keystream_rounds(self, at: ir.Value, counter: ir.Value, registers: int):
        """Run all rounds but the last; return, for each register, the function that ends it with its data."""
        states = [self._counter_block(at, counter, i) for i in range(registers)]
        if self.target.arch == "x86":
            first = self._key(I64(0))
            states = [self.b.xor(state, first) for state in states]
        states = self._round_loop(states)
        last, mask = self._key(self.b.sub(self.rounds, I64(1))), self._key(self.rounds)
        return [
            lambda data, state=state: self.round.final(state, last, self.b.xor(mask, data))
            for state in states
        ]

    def _round_loop(self, states: list[ir.Value]) -> list[ir.Value]:
        """Middle rounds; one loop serves 128, 192 and 256-bit keys."""
        first = 1 if self.target.arch == "x86" else 0
        stop = self.b.sub(self.rounds, I64(1 - first))
        before, body, after = self.b.block, self.kernel.append_basic_block(), self.kernel.append_basic_block()
        self.b.branch(body)
        self.b.position_at_end(body)
        r, phis = self.b.phi(I64), [self.b.phi(self.target.vector) for _ in states]
        key = self._key(r)
        results, following = [self.round.middle(phi, key) for phi in phis], self.b.add(r, I64(1))
        for phi, start, again in zip([r, *phis], [I64(first), *states], [following, *results], strict=True):
            phi.add_incoming(start, before)
            phi.add_incoming(again, body)
        self.b.cbranch(self.b.icmp_unsigned("<", following, stop), body, after)
        self.b.position_at_end(after)
        return results

    def _key(self, r: ir.Value) -> ir.Value:
        return repeat_block(self.b, self.target, load(self.b, PAIR, self.schedule, self.b.mul(r, I64(16))))

    def _counter_block(self, at: ir.Value, counter: ir.Value, register: int) -> ir.Value:
        """Counter blocks of one register: big-endian words."""
        words = self._listed(at, counter, register) if self.listed else self._advance(counter, register)
        kind = self.target.vector
        swap = declare(self.b.module, f"llvm.bswap.v{kind.count}i64", kind, [kind])
        return self.b.call(swap, [words])

    def _listed(self, at: ir.Value, upper: ir.Value, register: int) -> ir.Value:
        lanes = self.target.lanes
        where = self.b.add(self.b.lshr(at, I64(1)), I64(8 * lanes * register))
        words = load(self.b, ir.VectorType(I64, lanes), self.lower, where)
        wide = shuffle(self.b, words, None, [i // 2 for i in range(2 * lanes)])
        return shuffle(self.b, upper, wide, [i + 2 * lanes * (i % 2) for i in range(2 * lanes)])

    def _advance(self, counter: ir.Value, registers: int) -> ir.Value:
        if self.listed or not registers:
            return counter
        return self.b.add(counter, self.target.constant([0, registers * self.target.lanes]))

    def _copy(self, to: ir.Value, source: ir.Value, count: ir.Value) -> None:
        kinds = [PTR, PTR, I64, I1]
        self.b.call(
            declare(self.b.module, "llvm.memcpy.p0.p0.i64", ir.VoidType(), kinds), [to, source, count, I1(0)]
        )
