"""Samples, and what SciPy, pingouin and statsmodels make of them."""
import warnings

import numpy as np
import pandas as pd
import pingouin
import scipy.stats
import statsmodels.formula.api as formula

warnings.filterwarnings("ignore")


def bca(rng, values, statistic, name, confidence=0.95):
    interval = scipy.stats.bootstrap((np.array(values),), statistic, n_resamples=200_000, method="BCa", vectorized=True,
                                     confidence_level=confidence, random_state=rng, batch=20_000).confidence_interval
    return {"values": values, "statistic": name, "confidence": confidence, "low": float(interval.low), "high": float(interval.high)}


def bootstraps(rng):
    skewed = [float(v) for v in np.round(1 - rng.gamma(1.2, 0.03, 25), 4)]
    few = [float(v) for v in np.round(rng.normal(2, 1, 12), 3)]
    mean, variance = lambda x, axis: np.mean(x, axis=axis), lambda x, axis: np.var(x, axis=axis)
    return [bca(rng, skewed, mean, "mean"), bca(rng, few, mean, "mean"), bca(rng, skewed, variance, "variance"),
            bca(rng, few, mean, "mean", 0.9)]


def icc(table, name):
    rows = [{"target": i, "rater": j, "score": v} for i, row in enumerate(table) for j, v in enumerate(row)]
    result = pingouin.intraclass_corr(pd.DataFrame(rows), targets="target", raters="rater", ratings="score").round(12)
    line = result[result["Type"].isin(["ICC2", "ICC(A,1)"])].iloc[0]
    interval = line["CI95"] if "CI95" in line else line["CI95%"]
    return {"name": name, "table": [[float(v) for v in row] for row in table], "icc": float(line["ICC"]),
            "low": float(interval[0]), "high": float(interval[1])}


def iccs(rng):
    # Shrout & Fleiss 1979, table 2.
    shrout = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    true = rng.normal(250, 40, 30)
    pair = np.stack([true + rng.normal(1, 4, 30), true + rng.normal(0, 2, 30)], axis=1).round(2)
    return [icc(shrout, "Shrout and Fleiss"), icc(pair, "two methods")]


def tosts(rng):
    out = []
    for shift, bound in ((0.1, 0.5), (0.4, 0.5), (-0.2, 0.3)):
        x = np.round(rng.normal(10, 1, 20), 3)
        y = np.round(x - shift + rng.normal(0, 0.4, 20), 3)
        p = pingouin.tost(x, y, bound=bound, paired=True)
        out.append({"differences": [float(v) for v in x - y], "bound": bound, "p": float(p["p-val"].iloc[0] if "p-val" in p else p["pval"].iloc[0])})
    return out


def repeated(rng):
    """Balanced repeated differences: there the estimate from mean squares is that of REML."""
    out = []
    for subjects, each in ((12, 5), (20, 3)):
        between = rng.normal(0.4, 0.8, subjects)
        d = np.round(between[:, None] + rng.normal(0, 0.5, (subjects, each)), 3)
        frame = pd.DataFrame({"d": d.ravel(), "s": np.repeat(np.arange(subjects), each)})
        fit = formula.mixedlm("d ~ 1", frame, groups="s").fit(reml=True, method="lbfgs", pgtol=1e-12, factr=10)
        out.append({"differences": d.tolist(), "bias": float(fit.params["Intercept"]),
                    "between": float(fit.cov_re.iloc[0, 0]), "within": float(fit.scale)})
    return out


def samples(seed):
    rng = np.random.default_rng(seed)
    return {"bca": bootstraps(rng), "icc": iccs(rng), "tost": tosts(rng), "repeated": repeated(rng)}
