"""Section 4 of the paper: AES-CTR, GCTR-AES and the repaired bucket modes.

`gctr_xor` reproduces the paper and is insecure. `bucket_gcm_seal` is what to store footage with. The functions that
end in `_batch` take many messages a call. `gctr.cipher.aes` chooses the AES instructions.

**GCTR-AES, version 1.** The paper's equations are lost; this is the suite's reading of what is left of them. Integers
are big-endian. BE32, BE64 and BE128 are 4, 8 and 16 bytes; `XOR` is bitwise.

1. The key has 16, 24 or 32 bytes, the seed `s` 16; the data has `ds` bytes, 1 <= ds < 2**64. The unit is one AES
   block. A group is 100 units, cut into 5 buckets.
2. ``sid = SHA-256(BE128(s XOR ds))[0:16]``, the id of the first bucket.
3. Group g has the four words w0 to w3 that Philox4x64-10 gives for the counter (g, 0, 0, 0), least significant word
   first, under the key (upper, lower 64 bits of sid). (With more than 5 buckets, words 4 to 7 come from (g, 1, 0, 0),
   and so on.)
4. Cuts by Floyd's sampling: for k = 0 to 3, draw ``(w_k * (96 + k) >> 64) + 1``; if it was taken before, take 96 + k.
   The cuts in order, with 0 and 100, bound the buckets.
5. Bucket j of group g has the id ``(sid + 5 g + j) mod 2**128``; its encryption vector is ``AES(BE128(id))``.
6. The keystream is each vector repeated over its bucket, cut at ds. Ciphertext = plaintext XOR keystream.

**bucket_ctr** keeps steps 1 to 4; block i of bucket b, numbered from 0 over the data, has the keystream
``AES(nonce || BE32(b) || BE32(i))`` with a nonce of 8 bytes.

**bucket_gcm** seals each bucket of steps 1 to 4 with AES-GCM under the nonce ``nonce || BE32(b)`` and the associated
data ``"gctr bucket_gcm 1" || s || BE32(100) || BE32(5) || BE64(ds) || BE32(b) || the caller's``; each ciphertext is
followed by its tag of 16 bytes.

tests/vectors fixes all of this byte by byte.
"""

from gctr.cipher.batch import bucket_ctr_xor_batch, ctr_xor_batch, gctr_xor_batch
from gctr.cipher.buckets import BucketLayout, GctrParams, bucket_layout, initial_bucket_id
from gctr.cipher.modes import InsecureModeWarning, bucket_ctr_xor, ctr_xor, gctr_xor
from gctr.cipher.sealed import AuthenticationError, bucket_gcm_open, bucket_gcm_open_range, bucket_gcm_seal

__all__ = [
    "AuthenticationError",
    "BucketLayout",
    "GctrParams",
    "InsecureModeWarning",
    "bucket_ctr_xor",
    "bucket_ctr_xor_batch",
    "bucket_gcm_open",
    "bucket_gcm_open_range",
    "bucket_gcm_seal",
    "bucket_layout",
    "ctr_xor",
    "ctr_xor_batch",
    "gctr_xor",
    "gctr_xor_batch",
    "initial_bucket_id",
]
