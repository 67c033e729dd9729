"""Gives a model.onnx the output `unlikeness`, sets its threshold, and tries it on other pictures.

    python -m common.unlike --engine larynx --model model.onnx --out shipped.onnx --all-data DATA --scores unlikeness.json

The Gaussian is that of the training pictures as they are, mirrored, and with other gain. The threshold is the 99th
percentile of the held-out ones, in the same three forms; where every foreign picture lies above that, it is
moved to the geometric mean of the two, so that pictures a little unlike the training ones pass.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from .foreign import area_under_roc, sets
from .recipe import Recipe, recipe
from .session import Session
from .unlikeness import NAME, add_unlikeness

PERCENTILE = 99


def forms(tensors: Iterable[np.ndarray], seed: int) -> Iterator[np.ndarray]:
    """Each picture as it is, mirrored, and with other gain and gamma."""
    rng = np.random.default_rng(seed)
    for x in tensors:
        yield x
        yield np.ascontiguousarray(x[..., ::-1])
        x = x ** np.float32(np.exp(rng.normal(0, 0.15))) * np.float32(np.exp(rng.normal(0, 0.15)))
        yield (np.round(np.clip(x, 0, 1) * 255) / 255).astype(np.float32)


def known_forms(r: Recipe, data: Path, others: Path | None) -> Iterator[np.ndarray]:
    """Tensors of what an engine knows: the training pictures of `data` in these forms, and as many of `others`, evenly chosen,
    as make up their share."""
    training = [r.tensor(p) for p in r.training(data)]
    if others and r.others:
        more = [r.tensor(p) for p in r.others(others)]
        count = min(len(more), round(len(training) * r.others_share / (1 - r.others_share)))
        training += [more[i * len(more) // count] for i in range(count)]
    return forms(training, 1)


def values(session: Session, tensors: Iterable[np.ndarray]) -> np.ndarray:
    return np.array([session.outputs(x)[NAME][0] for x in tensors])


def added_cost(before: Session, after: Session, x: np.ndarray, rounds: int = 400) -> float:
    """Processor time of a run that the output adds, as a share: the quickest of many, in turns."""
    spent: dict[Session, list[float]] = {before: [], after: []}
    for _ in range(rounds):
        for session, times in spent.items():
            began = time.process_time()
            session.outputs(x)
            times.append(time.process_time() - began)
    return min(spent[after]) / min(spent[before]) - 1


def judge(session: Session, r: Recipe, held: list[np.ndarray], all_data: Path) -> dict:
    """The threshold by the rule above, and how a model that has the output does by it on held-out tensors and foreign pictures."""
    plain, own = values(session, held), values(session, forms(held, 2))
    known = float(np.percentile(own, PERCENTILE))
    foreign = {name: values(session, map(r.tensor, pictures)) for name, pictures in sets(all_data, r.data_set).items()}
    nearest = min(float(v.min()) for v in foreign.values())
    threshold = round(max(known, float(np.sqrt(known * nearest))), 2)
    return {
        "threshold": threshold, "percentile_99": known, "held_out_pictures": len(plain), "held_out_median": float(np.median(plain)),
        "held_out_above": float((plain > threshold).mean()),
        "auroc": {name: area_under_roc(plain, v) for name, v in foreign.items()},
        "recognised": {name: float((v > threshold).mean()) for name, v in foreign.items()},
        "lowest": {name: float(v.min()) for name, v in foreign.items()},
        "pictures": {name: len(v) for name, v in foreign.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", required=True)
    parser.add_argument("--model", type=Path, required=True, help="with logits alone")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="the engine's data set")
    parser.add_argument("--others", type=lambda text: Path(text) if text else None, help="folder of further training pictures (fetal-head: phantoms)")
    parser.add_argument("--all-data", type=Path, required=True, help="the folder of all data sets")
    parser.add_argument("--scores", type=Path, required=True)
    a = parser.parse_args()
    r = recipe(a.engine)
    add_unlikeness(a.model, a.out, known_forms(r, a.data, a.others), r.levels)

    session, before = Session(a.out, 1), Session(a.model, 1)
    held = [r.tensor(p) for p in r.held_out(a.data)]
    for x in held:
        if not np.array_equal(session.run(x), before.run(x)):
            raise SystemExit(f"{a.out}: the logits are not those of {a.model}")
    scores = judge(session, r, held, a.all_data) | {"cost_share": added_cost(before, session, held[0])}
    print(json.dumps(scores, indent=2))
    a.scores.write_text(json.dumps(scores, indent=2) + "\n")


if __name__ == "__main__":
    main()
