"""Writes tests/data/methods.json: comparisons of two methods of measurement, as the named tools make them.

    python3 -m venv venv && venv/bin/pip install -r requirements-methods.txt
    venv/bin/python make_methods.py SIMPLYAGREE

Wants R (Debian's r-base-core, r-cran-jsonlite, r-cran-dplyr, r-cran-tidyr, r-cran-lifecycle), R's mcr 1.2.2 (github.com/cran/mcr,
the last version that needs no other package), and a copy of SimplyAgree (github.com/arcaldwell49/SimplyAgree): methods.R says
what of them is used. The test `methods` compares what this crate says with the file.

Python's methcomp 1.0.0 is no reference: its Deming takes the variance of one method for the covariance of both, and its
Passing & Bablok counts slopes below 0 where the paper counts those below -1.
"""

import argparse
import importlib.metadata
import json
import pathlib
import subprocess
import sys
import tempfile
import warnings

import audmetric
import numpy as np
import scipy.stats
import sklearn.metrics
import statsmodels.stats.inter_rater

with warnings.catch_warnings():
    # It leaves SciPy with 1.19; requirements-methods.txt has the version that still has it.
    warnings.simplefilter("ignore", DeprecationWarning)
    import scipy.odr

HERE = pathlib.Path(__file__).parent
SEED = 20240711
PACKAGES = ["scipy", "statsmodels", "scikit-learn", "audmetric", "numpy"]


def lines(rng):
    """Pairs: few and many, odd and even numbers of slopes, ties, and one that is wild."""
    out = []
    for name, n, slope, offset, noise, digits in [
        ("five", 5, 1.0, 0.0, 4.0, 2), ("odd number of slopes", 18, 1.05, 3.0, 8.0, 3), ("even number of slopes", 25, 0.95, -6.0, 8.0, 3),
        ("forty", 40, 1.1, -4.0, 6.0, 3), ("ties", 30, 1.0, 1.0, 3.0, 0), ("wild", 41, 1.0, 0.0, 1.0, 3), ("loose", 60, 0.8, 60.0, 20.0, 2),
    ]:
        true = rng.uniform(60, 320, n)
        truth, measured = true + rng.normal(0, noise, n), offset + slope * true + rng.normal(0, noise, n)
        if name == "wild":
            measured[7] += 300
        out.append({"name": name, "truth": np.round(truth, digits).tolist(), "measured": np.round(measured, digits).tolist()})
    return out


def repeated(rng):
    """Patients with several pairs each, never one: of one pair agree_nest and its paper count differently."""
    out = []
    for name, counts, between, within in [
        ("as many each", [4] * 12, 0.8, 0.5), ("from two to seven", [2, 3, 5, 2, 4, 6, 3, 2, 7, 2, 3, 4], 1.0, 0.5),
        ("patients alike", [3, 2, 6, 2, 2, 5, 4, 3, 2, 8], 0.05, 2.0), ("frames alike", [20, 30, 25, 12, 40, 18, 22, 35], 3.0, 0.1),
    ]:
        unit = np.repeat(np.arange(len(counts)), counts)
        truth = rng.uniform(150, 300, len(unit))
        difference = 0.6 + rng.normal(0, between, len(counts))[unit] + rng.normal(0, within, len(unit))
        out.append({"name": name, "unit": unit.tolist(), "truth": np.round(truth, 3).tolist(), "measured": np.round(truth + difference, 3).tolist()})
    return out


def orthogonal(sample):
    """Deming's line with errors alike is the orthogonal one, which SciPy finds by iteration."""
    data = scipy.odr.RealData(sample["truth"], sample["measured"])
    fit = scipy.odr.ODR(data, scipy.odr.unilinear, beta0=[1.0, 0.0], maxit=500, sstol=1e-15, partol=1e-15).run()
    return {"slope": float(fit.beta[0]), "intercept": float(fit.beta[1])}


def concordance(sample):
    truth, measured = np.array(sample["truth"]), np.array(sample["measured"])
    return {"ccc": float(audmetric.concordance_cc(truth, measured)),
            "spearman": float(scipy.stats.spearmanr(np.abs(measured - truth), (measured + truth) / 2).statistic)}


def kappas(rng):
    """Yes and no on both sides of a threshold, by counts of both, true alone, measured alone, neither."""
    out = []
    for counts in ([20, 10, 5, 15], [3, 1, 0, 40], [1, 9, 8, 2], rng.integers(1, 60, 4).tolist()):
        both, truth, measured, neither = counts
        table = [[both, truth], [measured, neither]]
        true = np.repeat([1, 1, 0, 0], counts)
        said = np.repeat([1, 0, 1, 0], counts)
        out.append({"counts": counts, "statsmodels": float(statsmodels.stats.inter_rater.cohens_kappa(table).kappa),
                    "sklearn": float(sklearn.metrics.cohen_kappa_score(true, said))})
    return out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("simply_agree", type=pathlib.Path, help="a copy of SimplyAgree")
    args = parser.parse_args()
    rng = np.random.default_rng(SEED)
    samples = {"lines": lines(rng), "repeated": repeated(rng)}
    with tempfile.TemporaryDirectory() as folder:
        given, answer = pathlib.Path(folder) / "samples.json", pathlib.Path(folder) / "answer.json"
        given.write_text(json.dumps(samples))
        subprocess.run(["Rscript", HERE / "methods.R", given, args.simply_agree / "R/agree_nest.R", answer], check=True)
        by_r = json.loads(answer.read_text())
    description = (args.simply_agree / "DESCRIPTION").read_text()
    for kind in samples:
        for sample, theirs in zip(samples[kind], by_r[kind]):
            sample["r"] = theirs
    for sample in samples["lines"]:
        sample["odr"] = orthogonal(sample)
        sample |= concordance(sample)
    out = {
        "versions": {p: importlib.metadata.version(p) for p in PACKAGES} | by_r["versions"] | {
            "python": sys.version.split()[0],
            "SimplyAgree": next(line.split()[1] for line in description.splitlines() if line.startswith("Version:")),
        },
        "seed": SEED,
        **samples,
        "kappa": kappas(rng),
    }
    path = HERE.parent / "tests/data/methods.json"
    # A sample a line.
    parts = [f' "{key}": [\n  ' + ",\n  ".join(map(json.dumps, value)) + "\n ]" if isinstance(value, list) else f' "{key}": {json.dumps(value)}'
             for key, value in out.items()]
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n")
    print(f"{path.stat().st_size} bytes; {out['versions']}")


main()
