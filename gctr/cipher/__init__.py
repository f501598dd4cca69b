"""Section 4 of the paper: AES-CTR, GCTR-AES and the repaired bucket modes.

`gctr_xor` reproduces the paper and is insecure. `bucket_gcm_seal` is what to store footage with.
"""

from gctr.cipher.buckets import BucketLayout, GctrParams, bucket_layout, initial_bucket_id
from gctr.cipher.modes import InsecureModeWarning, bucket_ctr_xor, ctr_xor, gctr_xor
from gctr.cipher.sealed import AuthenticationError, bucket_gcm_open, bucket_gcm_open_range, bucket_gcm_seal

__all__ = [
    "AuthenticationError",
    "BucketLayout",
    "GctrParams",
    "InsecureModeWarning",
    "bucket_ctr_xor",
    "bucket_gcm_open",
    "bucket_gcm_open_range",
    "bucket_gcm_seal",
    "bucket_layout",
    "ctr_xor",
    "gctr_xor",
    "initial_bucket_id",
]
