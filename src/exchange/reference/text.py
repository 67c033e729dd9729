"""How much of burned-in text `vesalius deidentify` finds: texts of known kinds, drawn over stills and clips of public recordings.

    python text.py DATA --vesalius target/release/vesalius --work DIR

Over pictures of hc18 (stills) and vocalfolds (clips of 12 frames) a line with a name is drawn with DejaVu Sans; the whole picture is
kept, and what is found is taken from the log: a text counts as found where boxes span half of its width. Prints a table.
"""

import argparse
import json
import pathlib
import shutil
import subprocess

from PIL import Image, ImageDraw, ImageFont

TEXT = "DOE JANE 12.03.1961"
FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
SIZE = 512
# Name, height of capitals in pixels, colour, pixels that it moves a frame.
KINDS = [
    ("white, 5 px", 5, (255, 255, 255), 0), ("white, 7 px", 7, (255, 255, 255), 0), ("white, 10 px", 10, (255, 255, 255), 0),
    ("white, 16 px", 16, (255, 255, 255), 0), ("white, 30 px", 30, (255, 255, 255), 0), ("yellow, 12 px", 12, (240, 220, 60), 0),
    ("grey 130, 12 px", 12, (130, 130, 130), 0), ("black, 12 px", 12, (0, 0, 0), 0), ("white, 12 px, moving", 12, (255, 255, 255), 3),
    ("none", 0, None, 0),
]


def draw(picture, height, colour, shift):
    """Draws the line, and gives its box."""
    font = ImageFont.truetype(FONT, max(1, round(height / 0.73)))
    pen = ImageDraw.Draw(picture)
    at = (24 + shift, 200)
    box = pen.textbbox(at, TEXT, font=font)
    pen.text(at, TEXT, font=font, fill=colour)
    return box


def stills(data):
    for path in sorted((data / "hc18/images").glob("*.webp"))[:400:20]:
        yield [Image.open(path).convert("RGB").resize((SIZE, SIZE))]


def clips(data):
    for folder in sorted((data / "vocalfolds/images").iterdir()):
        yield [Image.open(path).convert("RGB") for path in sorted(folder.glob("*.webp"))[:12]]


def found(entry, box):
    """Part of the text's width that boxes in its height span."""
    inside = [b for b in entry["text_left"] if b["y0"] <= box[3] and b["y1"] >= box[1]]
    columns = {x for b in inside for x in range(b["x0"], b["x1"] + 1)}
    return len(columns & set(range(box[0], box[2]))) / max(1, box[2] - box[0])


def write(frames, path):
    if len(frames) == 1:
        frames[0].save(path.with_suffix(".png"))
        return
    folder = path.with_suffix("")
    folder.mkdir()
    for number, frame in enumerate(frames):
        frame.save(folder / f"{number:06}.png")
    line = (f"multifilesrc location={folder}/%06d.png index=0 caps=image/png,framerate=25/1 ! pngdec ! videoconvert ! "
            f"x264enc pass=quant quantizer=18 ! mp4mux ! filesink location={path.with_suffix('.mp4')}")
    subprocess.run(["gst-launch-1.0", "-q", *line.split()], check=True)
    shutil.rmtree(folder)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--vesalius", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    args = parser.parse_args()
    shutil.rmtree(args.work, ignore_errors=True)
    rows = {name: [] for name, *_ in KINDS}
    for source in (stills, clips):
        for name, height, colour, step in KINDS:
            if source is stills and step:
                rows[name].append("–")
                continue
            folder = args.work / f"{source.__name__}-{KINDS.index((name, height, colour, step))}"
            (folder / "in").mkdir(parents=True)
            boxes = []
            for number, frames in enumerate(source(args.data)):
                box = None
                for i, frame in enumerate(frames):
                    box = draw(frame, height, colour, step * i) if colour else None
                boxes.append(box)
                write(frames, folder / "in" / f"{number:03}")
            subprocess.run([args.vesalius, "deidentify", folder / "in", "--out", folder / "out", "--key", folder / "key",
                            "--keep", f"0,0,{SIZE - 1},{SIZE - 1}"], check=True, stdout=subprocess.DEVNULL)
            done = json.loads((folder / "out/deidentified.json").read_text())["done"]
            hits = sum(found(entry, box) >= 0.5 if box else bool(entry["text_left"]) for entry, box in zip(done, boxes))
            rows[name].append(f"{hits} of {len(boxes)}")
    print("| text | stills | clips |\n|---|---|---|")
    for name, cells in rows.items():
        print(f"| {name if name != 'none' else 'none: something taken for text'} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
