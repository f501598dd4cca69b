"""The ratios of bytes that the ROI form is to reach on PETS2009 S2.L1 at 36 dB inside objects, beside those
measured.

``python -m gctr.evaluation.targets results/tables/05_bandwidth.pets2009-s2l1.rates.csv`` prints them; the exit
status is 1 if one does not hold. A rival has two rows where the objects have a setting of their own, slower than
the rival's or with trellis quantisation; the table `coding` of the same notebook tells what that costs in time.

The last row of a noise sets the best form of any encoder against the strongest whole frames of any, under the bound
that was set for x264's; there is none where a rival was not measured or misses the quality, since the strongest
of a few may be a weak one.

Limit: the bounds were set for this clip; on other footage they only give orientation.
"""

import sys

import numpy as np
import pandas as pd

from gctr.evaluation.bdrate import rate_at

NOISES = (0.0, 3.0)
BOUNDS = {  # rival: bound on the clean clip, and with noise of sigma 3
    "live H.264": (0.58, 0.28),
    "H.264": (0.73, 0.48),
    "H.265": (0.78, 0.39),
    "AV1": (0.61, 0.41),
}
OWN = {"live H.264": "live H.264 with trellis", "H.265": "H.265 with RDOQ", "AV1": "AV1 with fixed offsets"}


def targets(rates: pd.DataFrame, *, at: float = 36.0) -> pd.DataFrame:
    """Return noise, against, form, ratio, bound and holds; nan where a curve was not measured or misses `at`.

    Parameters
    ----------
    rates : DataFrame
        From `gctr.evaluation.bandwidth.sweep`.
    at : float
        Quality inside objects in dB.
    """
    rows = []
    for column, noise in enumerate(NOISES):
        whole = {rival: _at(rates, noise, "full", rival, at) for rival in BOUNDS}
        for rival, bounds in BOUNDS.items():
            for form in filter(None, (rival, OWN.get(rival))):
                ratio = _at(rates, noise, "ROI", form, at) / whole[rival]
                rows.append((noise, rival, form, ratio, bounds[column], _holds(ratio, bounds[column])))
        if np.isnan([*whole.values()]).any():
            continue
        (full, against), (sent, form) = (_least(rates, noise, kind, at) for kind in ("full", "ROI"))
        ratio, bound = sent / full, BOUNDS["H.264"][column]
        rows.append((noise, f"strongest: {against}", form, ratio, bound, _holds(ratio, bound)))
    return pd.DataFrame(rows, columns=["noise", "against", "form", "ratio", "bound", "holds"])


def _holds(ratio: float, bound: float) -> bool | None:
    return None if np.isnan(ratio) else bool(ratio <= bound)


def _least(rates: pd.DataFrame, noise: float, kind: str, at: float) -> tuple[float, str]:
    """Return the lowest rate, nan if there is none, and whose it is."""
    forms = rates.loc[(rates["noise"] == noise) & (rates["kind"] == kind), "form"].unique()
    found = [(_at(rates, noise, kind, form, at), form) for form in forms]
    return min((one for one in found if not np.isnan(one[0])), default=(float("nan"), ""))


def _at(rates: pd.DataFrame, noise: float, kind: str, form: str, at: float) -> float:
    part = rates[(rates["noise"] == noise) & (rates["kind"] == kind) & (rates["form"] == form)]
    enough = len(part) > 1
    return rate_at(part["bytes_per_frame"], part["psnr_object"], at) if enough else float("nan")


def main(path: str) -> int:
    """Print the table for the rates in the CSV file `path`; return 0 if every rival's bound is held."""
    table = targets(pd.read_csv(path))
    print(table.to_string(index=False, float_format="%.3f"))
    held = table.assign(holds=table["holds"].eq(True)).groupby(["noise", "against"])["holds"].any()
    return int(not held.all())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
