"""Which AES runs: chosen by the CPU, forced by the environment, cached by CPU, usable in numba, compiled for Arm."""

import os
import re
import subprocess
import sys
from itertools import pairwise

import llvmlite.binding as llvm
import numpy as np
import pytest
from llvmlite import ir
from numba import njit
from numba.core.errors import TypingError

from gctr.cipher import aes, bucket_ctr_xor, ctr_xor, gctr_xor
from gctr.cipher._ir import Target
from gctr.cipher._ir_buckets import xor_run_kernel
from gctr.cipher._ir_counter import counter_kernel, listed_kernel, sub_word_kernel
from gctr.cipher._ir_groups import number_group_kernel, xor_group_kernel
from gctr.cipher._ir_layout import cuts_kernel
from gctr.cipher._ir_sha256 import hash_kernel

HARDWARE = [name for name in aes.available_backends() if name != "library"]
LANES = aes.LANES[aes.available_backends()[0]]


def test_fastest_backend_first_and_the_library_last(monkeypatch) -> None:
    monkeypatch.delenv(aes.ENVIRONMENT, raising=False)
    aes.backend.cache_clear()
    assert aes.available_backends()[-1] == "library"
    assert aes.backend() == aes.available_backends()[0]
    widths = [len(aes.LANES[name]) for name in aes.available_backends()]
    assert widths == sorted(widths, reverse=True)


def test_environment_forces_a_backend() -> None:
    before = aes.backend()
    for name in aes.available_backends():
        with aes.forced(name):
            assert aes.backend() == name
    with (
        aes.forced("table"),
        pytest.raises(RuntimeError, match=r"GCTR_AES=table cannot run on this CPU; use .*library"),
    ):
        ctr_xor(bytes(16), bytes(16), b"frame")
    assert aes.backend() == before


@pytest.mark.parametrize("cpu", ["generic", "x86-64-v3"])
def test_cpu_without_aes_takes_the_library(cpu: str) -> None:
    """What numba compiles for counts, so that code for another CPU is neither made nor loaded from the cache."""
    code = (
        "from gctr.cipher import aes, ctr_xor, gctr_xor, GctrParams\n"
        "import warnings; warnings.simplefilter('ignore')\n"
        "print(aes.available_backends(), ctr_xor(bytes(16), bytes(16), bytes(16)).hex(),"
        " gctr_xor(bytes(16), bytes(16), bytes(16)).hex())"
    )
    environment = {k: v for k, v in os.environ.items() if k != aes.ENVIRONMENT}
    environment |= {"NUMBA_CPU_NAME": cpu, "NUMBA_CPU_FEATURES": ""}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    expected = ctr_xor(bytes(16), bytes(16), bytes(16)), gctr_xor(bytes(16), bytes(16), bytes(16))
    assert run.stdout.split() == ["('library',)", expected[0].hex(), expected[1].hex()]


def test_a_register_too_wide_is_an_error_not_a_crash() -> None:
    wide = (0,) * 8
    key, data = np.zeros(16, np.uint8), np.zeros(64, np.uint8)
    with pytest.raises(TypingError, match=f"no AES instructions on {len(wide)} blocks a register"):
        aes.ctr_into(wide, key, np.uint64(0), np.uint64(0), 0, data, data, False)


@pytest.mark.parametrize("name", HARDWARE)
@pytest.mark.parametrize("size", [16, 24, 32])
def test_key_schedule_is_openssl_s(name: str, size: int) -> None:
    """With the schedule right, one block under every round key agrees; FIPS 197's last round keys are vectors."""
    rng = np.random.default_rng(size)
    for _ in range(20):
        key = rng.integers(0, 256, size, dtype=np.uint8)
        block = rng.integers(0, 256, 16, dtype=np.uint8)
        out = np.zeros(16, np.uint8)
        words = [np.uint64(int.from_bytes(block[i : i + 8].tobytes(), "big")) for i in (0, 8)]
        aes.ctr_into(aes.LANES[name], key, *words, 0, out, out, False)
        assert np.array_equal(out, aes.library_blocks(key.tobytes(), block[None])[0])


@pytest.mark.skipif(not HARDWARE, reason="needs AES instructions; CI's x86 machines have them")
def test_usable_inside_your_own_njit() -> None:
    lanes = LANES

    @njit
    def encrypt_planes(key, nonce, frame, out):
        for plane in range(frame.shape[0]):
            aes.ctr_into(
                lanes, key, nonce, np.uint64(plane) << np.uint64(32), 0, frame[plane], out[plane], False
            )

    frame = np.arange(3 * 1000, dtype=np.uint16).astype(np.uint8).reshape(3, 1000)
    out = np.empty_like(frame)
    encrypt_planes(np.zeros(16, np.uint8), np.uint64(7), frame, out)
    for plane in range(3):
        counter = (7).to_bytes(8, "big") + (plane << 32).to_bytes(8, "big")
        assert np.array_equal(out[plane], ctr_xor(bytes(16), counter, frame[plane]))


def test_a_second_process_loads_from_the_cache() -> None:
    """What is compiled here is found there: otherwise every program would begin with seconds of compilation."""
    ctr_xor(bytes(16), bytes(16), bytes(64))
    gctr_xor(bytes(16), bytes(16), bytes(64))
    bucket_ctr_xor(bytes(16), bytes(8), bytes(16), bytes(64))
    code = (
        "import warnings; warnings.simplefilter('ignore')\n"
        "from gctr.cipher import ctr_xor, gctr_xor, bucket_ctr_xor, _calls\n"
        "z = bytes(16); ctr_xor(z, z, z); gctr_xor(z, z, z); bucket_ctr_xor(z, bytes(8), z, z)\n"
        "for f in (_calls.ctr_call, _calls.gctr_call, _calls.bucket_ctr_call): assert not f.stats.cache_misses, f.stats"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


# --- Arm: compiled to the target, its instructions read -----------------------------------------------------------


@pytest.fixture(scope="module")
def arm_assembly() -> dict[str, list[str]]:
    """Instructions of each kernel for AArch64 with the AES extension."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    module, target = ir.Module("arm"), Target("arm", 1)
    module.triple = "aarch64-unknown-linux-gnu"
    kernels = [write(module, target) for write in (counter_kernel, listed_kernel)]
    kernels += [sub_word_kernel(module, target), cuts_kernel(module)]
    kernels += [hash_kernel(module, width) for width in (1, 16)]
    kernels += [
        number_group_kernel(module, target),
        xor_group_kernel(module, target),
        xor_run_kernel(module, target),
    ]
    for kernel in kernels:
        kernel.linkage = "external"
    machine = llvm.Target.from_triple(module.triple).create_target_machine(features="+aes,+neon", opt=3)
    compiled = llvm.parse_assembly(str(module))
    passes = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=3))
    passes.getModulePassManager().run(compiled, passes)
    functions = re.split(r'^"?(gctr[\w.]+)"?:.*$', machine.emit_assembly(compiled), flags=re.MULTILINE)
    bodies = zip(functions[1::2], functions[2::2], strict=True)
    return {name: re.findall(r"^\t([a-z]\S*.*)$", body, re.MULTILINE) for name, body in bodies}


def count(instructions: list[str], mnemonic: str) -> int:
    return sum(line.split()[0] == mnemonic for line in instructions)


@pytest.mark.parametrize("kernel", ["gctr.counter.arm.1", "gctr.listed.arm.1"])
def test_arm_counter_kernel(arm_assembly: dict[str, list[str]], kernel: str) -> None:
    code = arm_assembly[kernel]
    # Eight blocks in flight, then one, then the rest: middle rounds AESE and AESMC, the last AESE alone.
    assert count(code, "aesmc") >= 8 + 1 + 1
    assert count(code, "aese") >= 2 * count(code, "aesmc")
    assert count(code, "stnp") or count(code, "stp") or count(code, "str")
    assert {line.split()[1] for line in code if line.startswith("bl\t")} <= {"memcpy"}, (
        "AES is called, not inlined"
    )
    fused = [
        a.split(",")[0].split()[1] == b.split()[1].rstrip(",")
        for a, b in pairwise(code)
        if a.startswith("aese") and b.startswith("aesmc")
    ]
    assert len(fused) >= 8 and all(fused), "cores fuse AESE with the AESMC that follows on the same register"


def test_arm_key_schedule(arm_assembly: dict[str, list[str]]) -> None:
    code = arm_assembly["gctr.sub_word.arm"]
    assert count(code, "aese") == 1 and count(code, "aesmc") == 0
    assert not any(line.startswith(("tbl", "bl\t")) for line in code)


def test_arm_groups_have_no_branch_at_a_bucket(arm_assembly: dict[str, list[str]]) -> None:
    group = arm_assembly["gctr.group.arm.1"]
    for name in ("gctr.cuts", "gctr.number.arm.1", "gctr.hash.1", "gctr.hash.16"):
        branches = ("b.", "cb", "tb", "bl\t")
        assert not [line for line in arm_assembly[name] if line.startswith(branches)], f"{name} branches"
    assert sum(line.startswith(("b.", "cb", "tb")) for line in group) == 1  # whether to stream
    assert count(group, "eor") >= 100  # one a block, 16 bytes wide
    assert any(".16b" in line for line in arm_assembly["gctr.run.arm.1"])
