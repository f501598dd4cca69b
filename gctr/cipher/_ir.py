"""LLVM IR shared by the kernels: types, constants, loads and stores of 1, 2 or 4 blocks at once.

The kernels are written as LLVM IR because no Python construct reaches the AES instructions. A `Target` says which:
`x86` with 1, 2 or 4 blocks a register (AES-NI, VAES on 256 and 512 bits), or `arm` with one (ARMv8 AES).
"""

from typing import NamedTuple

from llvmlite import ir

I8, I32, I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)
PTR = I8.as_pointer()
PAIR = ir.VectorType(I64, 2)  # one block, as two 64-bit words


class Target(NamedTuple):
    """Instruction set and blocks a register."""

    arch: str
    lanes: int

    @property
    def vector(self) -> ir.VectorType:
        """Type of a register of blocks."""
        return ir.VectorType(I64, 2 * self.lanes)

    @property
    def bytes(self) -> int:
        """Bytes of a register."""
        return 16 * self.lanes

    def constant(self, words: list[int]) -> ir.Constant:
        """Return a register that holds the two words in every block."""
        return ir.Constant(self.vector, [I64(word % (1 << 64)) for word in words * self.lanes])


def function(module: ir.Module, name: str, arguments: list[ir.Type]) -> tuple[ir.Function, bool]:
    """Return the void function `name` of the module, and whether it is new and has yet to be written."""
    if name in module.globals:
        return module.globals[name], False
    new = ir.Function(module, ir.FunctionType(ir.VoidType(), arguments), name)
    new.linkage = "internal"
    return new, True


def declare(module: ir.Module, name: str, result: ir.Type, arguments: list[ir.Type]) -> ir.Function:
    """Return the declaration of an LLVM intrinsic."""
    if name in module.globals:
        return module.globals[name]
    return ir.Function(module, ir.FunctionType(result, arguments), name)


def shuffle(builder: ir.IRBuilder, first: ir.Value, second: ir.Value | None, order: list[int]) -> ir.Value:
    """Return the elements of `first` and `second` in this order."""
    other = ir.Constant(first.type, ir.Undefined) if second is None else second
    return builder.shuffle_vector(first, other, ir.Constant(ir.VectorType(I32, len(order)), order))


def splat(builder: ir.IRBuilder, value: ir.Value, count: int) -> ir.Value:
    """Return a vector that holds `value` in `count` elements."""
    vector = ir.Constant(ir.VectorType(value.type, count), ir.Undefined)
    return shuffle(builder, builder.insert_element(vector, value, I32(0)), None, [0] * count)


def repeat_block(builder: ir.IRBuilder, target: Target, block: ir.Value) -> ir.Value:
    """Return a register that holds one block in every place."""
    return block if target.lanes == 1 else shuffle(builder, block, None, [0, 1] * target.lanes)


def load(builder: ir.IRBuilder, kind: ir.Type, pointer: ir.Value, offset: ir.Value) -> ir.Value:
    """Load a vector from any address."""
    return builder.load(builder.bitcast(builder.gep(pointer, [offset]), kind.as_pointer()), align=1)


def store(builder: ir.IRBuilder, value: ir.Value, pointer: ir.Value, offset: ir.Value) -> None:
    """Store a vector to any address."""
    builder.store(value, builder.bitcast(builder.gep(pointer, [offset]), value.type.as_pointer()), align=1)


def stream(builder: ir.IRBuilder, value: ir.Value, pointer: ir.Value, offset: ir.Value) -> None:
    """Store blocks past the cache, to an address that is a multiple of 16; the caller ends with `settle`."""
    hint = builder.module.add_metadata([I32(1)])
    for lane in range(value.type.count // 2):
        block = shuffle(builder, value, None, [2 * lane, 2 * lane + 1])
        where = builder.gep(pointer, [builder.add(offset, I64(16 * lane))])
        builder.store(block, builder.bitcast(where, PAIR.as_pointer()), align=16).set_metadata(
            "nontemporal", hint
        )
