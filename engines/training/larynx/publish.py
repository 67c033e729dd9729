"""The engine's folder: model, manifest and card."""

from __future__ import annotations

from pathlib import Path

from common.publish import arguments, common_fields, interval, read, write

from .dataset import CLASSES, PATIENTS


def fields(model: Path, scores: dict, unlikeness: dict, across: list[dict]) -> dict[str, str]:
    values = {"miou": scores["miou"]["value"]} | {f"iou_{name}": v["value"] for name, v in scores["iou"].items()
                                                  if name != CLASSES[0]}
    ms = scores["one_thread_ms"]
    out = common_fields(model, scores, unlikeness) | {
        "sequences": str(scores["sequences"]), "patients": str(scores["patients"]),
        "values": ", ".join(f"{name} = {value:.4f}" for name, value in values.items()),
        "miou": interval(scores["miou"]), "processor_ms": f"{ms['processor']:.1f}",
        "by_sequence": ", ".join(f"{name} {v['miou']:.3f} ({v['frames']})" for name, v in scores["by_sequence"].items()),
    }
    f = scores["flicker"]
    out |= {"pairs": str(f["pairs"]), "still_changed": f"{100 * f['still_changed']:.1f}", "appearances": str(f["appearances"])}
    out |= {f"iou_{name}": interval(v) for name, v in scores["iou"].items()}
    return out | {"across": across_patients(across)}


def across_patients(many: list[dict]) -> str:
    """The paragraph about networks that were trained on one patient and tried on the other."""
    if not many:
        return "Nobody has trained on one patient and tried on the other yet: expect clearly less on a new patient."
    lines = ["| trained on | tried on | frames | mean IoU | of the classes that there are | " + " | ".join(CLASSES[1:]) + " |",
             "|---|---|---|---|---|" + "---|" * len(CLASSES[1:])]
    for s in many:
        trained = ", ".join(s["trained_on"])
        tried = ", ".join(p for p in PATIENTS if p not in s["trained_on"])
        each = " | ".join(f"{s['iou'][name]['value']:.3f}" if name in s["iou"] else "–" for name in CLASSES[1:])
        # A class that the truth lacks has an IoU of 0 as soon as one pixel is called so.
        there = [s["iou"][name]["value"] for name, row in zip(CLASSES[1:], s["confusion_px"][1:]) if sum(row)]
        means = f"{s['miou']['value']:.3f} | {sum(there) / len(there):.3f}"
        lines.append(f"| {trained} | {tried} | {s['images']} | {means} | {each} |")
    return "\n".join(lines)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--across", type=Path, nargs="*", default=[], help="scores.json of networks of one patient")
    a = parser.parse_args()
    values = fields(a.model, read(a.scores), read(a.unlikeness), [read(p) for p in a.across])
    write(Path(__file__).parent, values, a.model, a.out)


if __name__ == "__main__":
    main()
