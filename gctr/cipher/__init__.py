"""Section 4 of the paper: AES-CTR, GCTR-AES and the repaired bucket modes.

`gctr_xor` reproduces the paper and is insecure. `bucket_gcm_seal` is what to store footage with. The functions that
end in `_batch` take many messages a call. `gctr.cipher.aes` chooses the AES instructions.
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
