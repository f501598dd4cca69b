"""Reference suite for privacy-preserving CCTV.

The camera sends masked objects only, the cloud composes them onto a registered background, the
surveillance system unmasks. `gctr.cipher` holds the modes, `gctr.vision` ROI and masking,
`gctr.parties` who holds what, `gctr.evaluation` the measurements, `gctr.datasets` the footage.
"""

__version__ = "0.1.0"
