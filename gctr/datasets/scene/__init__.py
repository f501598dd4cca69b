"""The parts of the synthetic scene; `gctr.datasets.synthetic` is the way in."""
