"""LLVM IR of the xor of whole buckets, for the readings of GCTR other than version 1."""

from llvmlite import ir

from gctr.cipher._ir import I64, PAIR, PTR, Target, function, load, repeat_block, store


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
