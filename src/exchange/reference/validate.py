"""Reads what `vesalius export` wrote by means that this project did not write, and holds it to the run.

    python validate.py RUN [RUN ...] [--export DIR]

* dciodvfy (Debian's dicom3tools) may say nothing but what baseline.txt lists with its reasons, and dcentvfy, of the objects of
  a study among each other and with the recording, the same;
* masks, by pydicom and highdicom, equal the run's PNG masks pixel by pixel, frame by frame;
* every number of the run stands in the report, read by highdicom, with its unit, and dsr2html (Debian's dcmtk) shows it; what
  has no number stands there as a measurement failure;
* captures, by pydicom, equal the annotated pictures as gst-launch-1.0 or Pillow decode them, byte by byte.

Ends with 1 where anything differs. requirements.txt has the versions.
"""

import argparse
import collections
import json
import pathlib
import re
import subprocess
import sys

import highdicom as hd
import numpy as np
import pydicom
from PIL import Image

HERE = pathlib.Path(__file__).parent


class Check:
    """What was compared and what differed."""

    def __init__(self):
        self.failures, self.counts = 0, collections.Counter()

    def tell(self, good, line):
        self.failures += not good
        print(("ok    " if good else "FAIL  ") + line, flush=True)

    def count(self, **counts):
        """Adds to what is counted by name."""
        self.counts.update(counts)


def baseline():
    lines = (HERE / "baseline.txt").read_text().splitlines()
    return [re.compile(line) for line in lines if line and not line.startswith("#")]


def said_by(*command):
    """Errors and warnings of a validator."""
    ran = subprocess.run([str(part) for part in command], capture_output=True, text=True, errors="replace")
    return [line for line in (ran.stderr + ran.stdout).splitlines() if re.match(r"(Error|Warning)", line)]


def held(check, tool, what, said):
    new = [line for line in said if not any(known.search(line) for known in baseline())]
    errors = sum(line.startswith("Error") for line in said)
    check.tell(not new, f"{tool} {what}: {errors} errors, {len(said) - errors} warnings, {len(new)} of them new")
    check.count(**{f"{tool} errors": errors, f"{tool} new": len(new)})
    for line in new[:20]:
        print("        " + line)


def iod(check, path):
    held(check, "dciodvfy", path.name, said_by("dciodvfy", "-new", path))
    check.count(objects=1)


def frames_of(run):
    lines = (run / "results.jsonl").read_text().splitlines()
    return json.loads(lines[0]), [json.loads(line) for line in lines[1:]]


def stem(head, frame):
    if head["input"]["kind"] in ("video", "dicom"):
        return f"{frame['frame']:06}"
    return pathlib.Path(frame["input"]).stem


def masks(check, head, frames, run, path, source):
    seg = hd.seg.segread(path)
    numbers = list(range(1, len(frames) + 1))
    differing = pixels = 0
    segments = seg.number_of_segments
    for number, frame in zip(numbers, frames):
        if source["multi"]:
            got = seg.get_pixels_by_source_frame(
                source["uid"], [number], ignore_spatial_locations=True, assert_missing_frames_are_empty=True
            )
        else:
            got = seg.get_pixels_by_source_instance(
                [source["uid"]], ignore_spatial_locations=True, assert_missing_frames_are_empty=True
            )
        label = np.asarray(Image.open(run / "masks" / f"{stem(head, frame)}.png"))
        for segment in range(segments):
            differing += int((got[0, :, :, segment].astype(bool) != (label == segment + 1)).sum())
            pixels += label.size
    check.tell(differing == 0, f"{path.name}: {differing} of {pixels} pixels differ, {len(frames)} frames, {segments} segments")
    check.count(**{"mask pixels": pixels, "mask pixels differ": differing, "mask frames": len(data_frames(path))})
    # pydicom by itself, frame by frame of the object.
    data = pydicom.dcmread(path)
    stack = data.pixel_array.reshape(-1, data.Rows, data.Columns)
    wrong = 0
    for plane, group in zip(stack, data.PerFrameFunctionalGroupsSequence):
        segment = group.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        reference = group.DerivationImageSequence[0].SourceImageSequence[0]
        number = int(reference.get("ReferencedFrameNumber", 1))
        label = np.asarray(Image.open(run / "masks" / f"{stem(head, frames[number - 1])}.png"))
        wrong += int((plane.astype(bool) != (label == segment)).sum())
    check.tell(wrong == 0, f"{path.name}: pydicom, {len(stack)} frames, {wrong} pixels differ")


def data_frames(path):
    return pydicom.dcmread(path, stop_before_pixels=True).PerFrameFunctionalGroupsSequence


NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
UNITS = {"[px]": "{pixels}", "[px]2": "{pixels2}", "[px]/s": "{pixels}/s", "[px]2/s": "{pixels2}/s"}


def report(check, frames, path):
    document = hd.sr.srread(path)
    content = document.content
    # Finding the groups makes highdicom look at the whole tree by its templates.
    planar = content.get_planar_roi_measurement_groups()
    whole = content.get_image_measurement_groups()
    expected = {}
    for number, frame in enumerate(frames, 1):
        for value in frame["values"]:
            if value["value"] is not None:
                key = (number, value.get("structure") or "picture", UNITS.get(value["unit"], value["unit"]))
                expected.setdefault(key, []).append(value["value"])
    # Frames in which a structure has no number at all have no group of it.
    wanting = 0
    for frame in frames:
        of = collections.defaultdict(list)
        for value in frame["values"]:
            of[value.get("structure") or "picture"].append(value["value"])
        wanting += sum(group.count(None) for group in of.values() if group.count(None) < len(group))
    found, failures = {}, 0
    for group in pydicom.dcmread(path).ContentSequence[-1].ContentSequence:
        number = structure = None
        values = []
        for item in group.ContentSequence:
            name = item.ConceptNameCodeSequence[0].CodeMeaning if "ConceptNameCodeSequence" in item else ""
            if name == "Tracking Identifier":
                structure = item.TextValue
            elif name in ("Source image for segmentation", "Source of Measurement"):
                number = int(item.ReferencedSOPSequence[0].get("ReferencedFrameNumber", 1))
            elif item.ValueType == "NUM" and item.MeasuredValueSequence:
                measured = item.MeasuredValueSequence[0]
                decimal, exact = float(measured.NumericValue), measured.FloatingPointValue
                if abs(decimal - exact) > 1e-8 * abs(exact):
                    check.tell(False, f"{structure} {name}: {decimal} is not {exact}")
                values.append((measured.MeasurementUnitsCodeSequence[0].CodeValue, exact))
            elif item.ValueType == "CODE" and item.ConceptCodeSequence[0].CodeValue == "114006":
                failures += number is not None
        if number is not None:
            for unit, value in values:
                found.setdefault((number, structure, unit), []).append(value)
    # A number that was written as text and read again may be off in its last bit.
    same = found.keys() == expected.keys() and all(
        len(found[k]) == len(expected[k]) and np.allclose(sorted(found[k]), sorted(expected[k]), rtol=1e-14, atol=0)
        for k in expected
    )
    count = sum(map(len, expected.values()))
    check.tell(same, f"{path.name}: {count} numbers, {len(planar)} groups with a mask, {len(whole)} without")
    check.tell(failures == wanting, f"{path.name}: {failures} of {wanting} values without a number say so")
    html = subprocess.run(["dsr2html", "+U8", str(path)], capture_output=True, text=True)
    page = path.with_suffix(".html")
    page.write_text(html.stdout)
    # A decimal string of 16 characters may stand for the number.
    printed = np.array([float(text) for text in NUMBER.findall(re.sub(r"<[^>]*>", " ", html.stdout))])
    shown = sum(bool(np.isclose(printed, v, rtol=1e-8, atol=0).any()) for values in expected.values() for v in values)
    complaints = [line for line in html.stderr.splitlines() if line.startswith(("E:", "W:"))]
    # It checks texts in few character sets, and says so of every other.
    complaints = [line for line in complaints if "VR checker does not support" not in line]
    check.tell(html.returncode == 0 and shown == count and not complaints, f"dsr2html shows {shown} of {count} numbers")
    check.count(**{"numbers": count, "numbers shown": shown})
    for line in complaints[:5]:
        print("        " + line)


def video(path, size):
    """The frames of a video as GStreamer's own tools decode them."""
    raw = path.with_suffix(".raw")
    line = f"filesrc location={path} ! decodebin force-sw-decoders=true ! videoconvert ! video/x-raw,format=RGB ! filesink location={raw}"
    subprocess.run(["gst-launch-1.0", "-q", *line.split()], check=True)
    width, height = size
    stride = (3 * width + 3) // 4 * 4
    frames = np.fromfile(raw, np.uint8).reshape(-1, height, stride)[:, :, : 3 * width]
    raw.unlink()
    return frames.reshape(-1, height, width, 3)


def pictures(check, path, expected):
    got = pydicom.dcmread(path).pixel_array.reshape(expected.shape)
    differing = int((got != expected).sum())
    check.tell(differing == 0, f"{path.name}: {len(expected)} frames, {differing} of {expected.size} bytes differ")
    check.count(**{"picture bytes": expected.size, "picture bytes differ": differing, "picture frames": len(expected)})


def item(check, head, frames, run, folder, source_path):
    for path in sorted(folder.glob("*.dcm")):
        iod(check, path)
    source = folder / "source.dcm"
    data = pydicom.dcmread(source if source.exists() else source_path, stop_before_pixels=True, force=True)
    multi = int(data.get("NumberOfFrames", 1)) > 1 or source.exists()
    about = {"uid": data.SOPInstanceUID, "multi": multi}
    study = {pydicom.dcmread(p, stop_before_pixels=True).StudyInstanceUID for p in folder.glob("*.dcm")}
    check.tell(study == {data.StudyInstanceUID}, "all objects are of the recording's study")
    together = sorted(folder.glob("*.dcm")) + ([] if source.exists() else [source_path])
    held(check, "dcentvfy", f"{len(together)} files of the study", said_by("dcentvfy", *together))
    if (folder / "segmentation.dcm").exists():
        masks(check, head, frames, run, folder / "segmentation.dcm", about)
    if (folder / "report.dcm").exists():
        report(check, frames, folder / "report.dcm")
    clip = head["input"]["kind"] in ("video", "dicom")
    if (folder / "capture.dcm").exists():
        if clip:
            expected = video(run / "annotated.mp4", frames[0]["size"])
        else:
            name = f"{stem(head, frames[0])}.png"
            expected = np.asarray(Image.open(run / "annotated" / name).convert("RGB"))[None]
        pictures(check, folder / "capture.dcm", expected)
    if source.exists() and head["input"]["kind"] == "video":
        pictures(check, source, video(pathlib.Path(source_path), frames[0]["size"])[: len(frames)])


def validate(check, run, export="dicom"):
    """Holds what was exported of a run to the run."""
    print(f"== {run}")
    head, frames = frames_of(run)
    source = pathlib.Path(json.loads((run / "summary.json").read_text())["source_path"])
    folder = run / export
    check.count(frames=len(frames))
    if head["input"]["kind"] == "stills" and len(frames) > 1:
        for frame in frames:
            item(check, head, [frame], run, folder / stem(head, frame), source / frame["input"])
    else:
        item(check, head, frames, run, folder, source)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("runs", nargs="+", type=pathlib.Path)
    parser.add_argument("--export", default="dicom", help="folder of the objects within each run's")
    args = parser.parse_args()
    check = Check()
    print(f"highdicom {hd.__version__}, pydicom {pydicom.__version__}")
    for run in args.runs:
        validate(check, run, args.export)
    print(f"{check.failures} failures")
    return 1 if check.failures else 0


if __name__ == "__main__":
    sys.exit(main())
