"""The engine's folder: model, manifest and card."""

from __future__ import annotations

from pathlib import Path

from common.publish import arguments, common_fields, interval, read, write


def main() -> None:
    a = arguments(__doc__).parse_args()
    scores = read(a.scores)
    fields = common_fields(a.model, scores, read(a.unlikeness)) | {
        "groups": str(scores["groups"]), "processor_ms": f"{scores['one_thread_ms']['processor']:.1f}"}
    for name, of_it in scores["classes"].items():
        fields |= {f"{name}_{key}": interval(of_it[key]) for key in ("dice", "dice_of_pixels", "precision", "recall")}
        fields |= {f"{name}_mean": f"{of_it['dice']['value']:.4f}", f"{name}_median": f"{of_it['median']:.3f}",
                   f"{name}_missed": str(of_it["missed"]), f"{name}_stills": str(of_it["stills"]),
                   f"{name}_pixels": f"{of_it['dice_of_pixels']['value']:.4f}"}
    write(Path(__file__).parent, fields, a.model, a.out)


if __name__ == "__main__":
    main()
