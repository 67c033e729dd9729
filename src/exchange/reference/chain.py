"""From recordings to DICOM objects and back by means that this project did not write: the whole chain, by one command.

    python chain.py DATA --vesalius target/release/vesalius [--work DIR] [--page docs/exchange-validation.md]

DATA holds `dicom`, `hc18` and `vocalfolds`, as docs/study.md names them. Each case is replayed, exported as Segmentation, report
and capture, and held to the run by validate.py; then the DICOM files are de-identified and held to what they were by
deidentified.py. Results and versions go into the page. Ends with 1 where anything differs.

Wants gst-launch-1.0 with webpdec and x264enc, dicom3tools, dcmtk, and requirements.txt.
"""

import argparse
import csv
import importlib.metadata
import pathlib
import platform
import shutil
import subprocess
import sys

import deidentified
import validate

EXPORT = ["--dicom-seg", "--dicom-sr", "--dicom-sc"]
# Frames of the set come without a rate; what is looked at here does not depend on it.
RATE = 25


def larynx_clip(data, folder):
    """A sequence of the vocal folds set as H.264 in MP4."""
    links = folder / "frames"
    links.mkdir()
    for number, path in enumerate(sorted((data / "vocalfolds/images/seq6").glob("*.webp"))):
        (links / f"{number:06}.webp").symlink_to(path)
    clip = folder / "larynx.mp4"
    line = (f"multifilesrc location={links}/%06d.webp index=0 caps=image/webp,framerate={RATE}/1 ! webpdec ! videoconvert ! "
            f"x264enc pass=quant quantizer=18 ! mp4mux ! filesink location={clip}")
    subprocess.run(["gst-launch-1.0", "-q", *line.split()], check=True)
    return clip


def stills(folder, paths):
    pictures = folder / "stills"
    pictures.mkdir()
    for path in paths:
        (pictures / path.name).symlink_to(path)
    return pictures


def heads(data, folder):
    """Stills of HC18 of several sizes, and the table of their scales."""
    with open(data / "hc18/labels.csv", newline="") as file:
        rows = list(csv.DictReader(file))[:200:50]
    name = next(column for column in rows[0] if "image" in column or "file" in column)
    with open(folder / "scale.csv", "w") as file:
        file.write("file,mm_per_px_x,mm_per_px_y\n")
        for row in rows:
            scale = row["pixel_size_mm"]
            file.write(f"{pathlib.Path(row[name]).name},{scale},{scale}\n")
    return stills(folder, [data / "hc18" / row[name] for row in rows])


def cases(data, folder):
    """What is run: a name, the input, options of replay, options of export."""
    def at(name):
        place = folder / name
        place.mkdir()
        return place

    yield "cine", "ultrasound cine, DICOM, frame times that vary", data / "dicom/DIRW0007.dcm", [], []
    yield "cine-colour", "ultrasound cine in colour, DICOM, lossy JPEG, scale refused", data / "dicom/examples_ybr_color.dcm", [], []
    yield ("endoscopy", "endoscopy clip, H.264 in MP4, 6 classes", larynx_clip(data, at("endoscopy")), ["--engine", "larynx"],
           ["--modality", "ES"])
    place = at("stills")
    pictures = heads(data, place)
    yield ("stills", "folder of ultrasound stills, each with its scale", pictures, ["--calibration", place / "scale.csv"],
           ["--modality", "US"])
    pictures = stills(at("stills-endoscopy"), sorted((data / "vocalfolds/images/seq8").glob("*.webp"))[::60])
    yield "stills-endoscopy", "folder of endoscopy stills", pictures, ["--engine", "larynx"], ["--modality", "ES"]


def version_of(tool, argument, word):
    ran = subprocess.run([tool, argument], capture_output=True, text=True)
    return next((line.strip() for line in (ran.stdout + ran.stderr).splitlines() if word in line), "version unknown")


def packaged(name):
    ran = subprocess.run(["dpkg-query", "-W", "-f=${Version}", name], capture_output=True, text=True)
    return ran.stdout or "version unknown"


def versions():
    packages = [f"{name} {importlib.metadata.version(name)}" for name in ("highdicom", "pydicom", "numpy", "pillow")]
    debian = [f"{name} {packaged(name)}" for name in ("dicom3tools", "dcmtk")]
    return ", ".join([*packages, *debian, version_of("gst-launch-1.0", "--version", "GStreamer"), f"Python {platform.python_version()}"])


def row(name, about, check):
    n = check.counts
    return (f"| {about} | {n['frames']} | {n['objects']} | {n['dciodvfy errors']}, {n['dcentvfy errors']} "
            f"| {n['dciodvfy new'] + n['dcentvfy new']} | {n['mask pixels differ']} of {n['mask pixels'] / 1e6:.1f} million, {n['mask frames']} masks "
            f"| {n['numbers shown']} of {n['numbers']} | {n['picture bytes differ']} of {n['picture bytes'] / 1e6:.1f} million |")


def page(rows, cleaned, software):
    lines = [
        "# Exports held to other software", "",
        "Written by `src/exchange/reference/chain.py`; [exchange.md](exchange.md) says what the objects are. Each recording was replayed",
        "(f32, CPU), exported with `--dicom-seg --dicom-sr --dicom-sc` and read back by software of others.", "",
        f"{software}.", "",
        "| recording | frames | objects | errors of dciodvfy, dcentvfy | new lines of either | pixels of masks that differ | numbers that dsr2html shows | bytes of pictures that differ |",
        "|---|---|---|---|---|---|---|---|",
        *rows, "",
        "- *Pixels of masks*: every pixel of every class and frame of the Segmentation, by highdicom's way from source frame to mask, against",
        "  the run's PNG masks; then the same frame by frame with pydicom alone.",
        "- *Numbers*: every number of the run is in the report, read by highdicom and pydicom, with its unit and frame; what has no number is",
        "  there as a measurement failure.",
        "- *Bytes of pictures*: captures, and clips turned into DICOM, by pydicom, against what GStreamer's own tools or Pillow decode.",
        "- *New lines* are errors and warnings that `src/exchange/reference/baseline.txt` does not list with a reason.", "",
        "## De-identified files", "",
        "The public DICOM files of ultrasound, cleaned with `vesalius deidentify`. Errors that dciodvfy has of a file that was cleaned are",
        "those of the file as it came, or there are fewer. Each pixel that is not black is what pydicom decodes of the original.", "",
        *cleaned, "",
    ]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--vesalius", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("out/exchange-chain"))
    parser.add_argument("--page", type=pathlib.Path, help="where the table goes")
    args = parser.parse_args()
    data, work, program = args.data.resolve(), args.work.resolve(), args.vesalius.resolve()
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    rows, failures = [], 0
    for name, about, source, replay, export in cases(data, work):
        run = work / name / "run"
        # A run is marked with all that is needed to find its input again.
        subprocess.run([program, "replay", source, "--out", run, "--masks", "--provider", "cpu", "--precision", "f32", *replay],
                       check=True, stdout=subprocess.DEVNULL)
        subprocess.run([program, "export", run, *EXPORT, *export], check=True, stdout=subprocess.DEVNULL)
        check = validate.Check()
        validate.validate(check, run)
        rows.append(row(name, about, check))
        failures += check.failures
    check = validate.Check()
    cleaned = deidentified.table(check, program, data / "dicom", work / "deidentified")
    failures += check.failures
    text = page(rows, cleaned, versions() + ", " + version_of(str(program), "--version", "vesalius"))
    print(text)
    if args.page:
        args.page.write_text(text)
    print(f"{failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
