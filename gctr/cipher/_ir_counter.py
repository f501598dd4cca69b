"""LLVM IR of AES in counter mode: the whole loop, so that counters and data stay in registers.

Eight registers are in flight, which hides the latency of an AES round. The data is xored into the last round key, so
it costs no instruction of its own. References: FIPS 197; Intel 323641 (AES-NI); Arm DDI 0487 (AESE, AESMC).
"""

from abc import ABC, abstractmethod

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

IN_FLIGHT = 8, 1  # registers at a time: as many as hide a round's latency, then one by one
I1 = ir.IntType(1)


def counter_kernel(module: ir.Module, target: Target) -> ir.Function:
    """Return ``kernel(schedule*, rounds, upper, lower, src*, dst*, size, streaming)``.

    It writes ``dst = src XOR AES(counter 0) || AES(counter 1) || ...``; the counters' upper 64 bits are `upper`, the
    lower are ``lower + i`` and must not wrap. `src` and `dst` are the same or do not overlap.
    """
    return written(module, f"gctr.counter.{target.arch}.{target.lanes}", [I64, I64], target, _Counting)


def listed_kernel(module: ir.Module, target: Target) -> ir.Function:
    """Return ``kernel(schedule*, rounds, upper, lowers*, src*, dst*, size, streaming)``.

    As `counter_kernel`; the i-th counter's lower half is the i-th of the big-endian words that `lowers` points to. They
    are readable up to a whole register past the end.
    """
    return written(module, f"gctr.listed.{target.arch}.{target.lanes}", [I64, PTR], target, _Listed)


def written(
    module: ir.Module, name: str, source: list[ir.Type], target: Target, kind: type["CounterMode"]
) -> ir.Function:
    """Return the kernel of this name; `source` are the arguments from which `kind` takes its counters."""
    kernel, new = function(module, name, [PTR, I64, *source, PTR, PTR, I64, I1])
    if new:
        kind(kernel, target).write()
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


class CounterMode(ABC):
    """Writes the body of one kernel in counter mode; its kinds differ in where counter blocks come from."""

    STEP = 0  # what goes up in the lower half of a counter from block to block

    def __init__(self, kernel: ir.Function, target: Target) -> None:
        self.kernel, self.target = kernel, target
        self.b = ir.IRBuilder(kernel.append_basic_block("entry"))
        self.round = _Round(self.b, target)
        self.schedule, self.rounds, *self.source, self.src, self.dst, self.size, self.streaming = kernel.args

    @abstractmethod
    def first(self) -> ir.Value:
        """Return what stands for the first register's counters in `block`."""

    @abstractmethod
    def block(self, at: ir.Value, counter: ir.Value, register: int) -> ir.Value:
        """Return the counter blocks of one register, as they stand in memory; `at` is their byte in the data."""

    def write(self) -> None:
        spare = self.b.alloca(self.target.vector)
        at, counter = I64(0), self.first()
        for registers in IN_FLIGHT:
            at, counter = self._loop(at, counter, registers)
        self._tail(at, counter, self.b.bitcast(spare, PTR))
        self.b.ret_void()

    def ramp(self, blocks: ir.Value) -> ir.Value:
        """Add the step from block to block inside a register."""
        words = [x for lane in range(self.target.lanes) for x in (0, lane * self.STEP)]
        return self.b.add(blocks, ir.Constant(self.target.vector, words))

    def later(self, counter: ir.Value, registers: int) -> ir.Value:
        """Return the counter of the register so many registers on."""
        step = registers * self.target.lanes * self.STEP
        return self.b.add(counter, self.target.constant([0, step])) if step else counter

    def swapped(self, words: ir.Value) -> ir.Value:
        """Return big-endian words as they stand in memory."""
        kind = words.type
        return self.b.call(declare(self.b.module, f"llvm.bswap.v{kind.count}i64", kind, [kind]), [words])

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
        count.add_incoming(self.later(count, registers), self.b.block)
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
        states = [self.block(at, counter, i) for i in range(registers)]
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

    def _copy(self, to: ir.Value, source: ir.Value, count: ir.Value) -> None:
        kinds = [PTR, PTR, I64, I1]
        self.b.call(
            declare(self.b.module, "llvm.memcpy.p0.p0.i64", ir.VoidType(), kinds), [to, source, count, I1(0)]
        )


class _Counting(CounterMode):
    """Counters that go up by one."""

    STEP = 1

    def first(self) -> ir.Value:
        upper, lower = self.source
        block = self.b.insert_element(ir.Constant(PAIR, ir.Undefined), upper, I32(0))
        block = self.b.insert_element(block, lower, I32(1))
        return self.ramp(repeat_block(self.b, self.target, block))

    def block(self, at: ir.Value, counter: ir.Value, register: int) -> ir.Value:
        return self.swapped(self.later(counter, register))


class _Listed(CounterMode):
    """Counters out of a list."""

    def first(self) -> ir.Value:
        return self.swapped(splat(self.b, self.source[0], 2 * self.target.lanes))

    def block(self, at: ir.Value, counter: ir.Value, register: int) -> ir.Value:
        lanes = self.target.lanes
        where = self.b.add(self.b.lshr(at, I64(1)), I64(8 * lanes * register))
        words = load(self.b, ir.VectorType(I64, lanes), self.source[1], where)
        wide = shuffle(self.b, words, None, [i // 2 for i in range(2 * lanes)])
        return shuffle(self.b, counter, wide, [i + 2 * lanes * (i % 2) for i in range(2 * lanes)])
