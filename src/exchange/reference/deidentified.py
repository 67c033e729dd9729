"""Files that `vesalius deidentify` cleaned, held to what they were before, by means that this project did not write.

    python deidentified.py FOLDER --vesalius target/release/vesalius --work DIR

* dciodvfy (Debian's dicom3tools) says no error of a cleaned file that it does not say of the file as it came;
* no text of the patient, the visit or the institution that pydicom reads from the file as it came is in the cleaned one;
* pixels, by pydicom: each is black or what it was, to a step of the colour conversion.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pydicom
from pydicom.pixels import convert_color_space

import validate

# Shorter texts, and those of codes, stand in any file.
SHORTEST = 5
GROUPS = {0x0010, 0x0032, 0x0038, 0x0040}
OF_OTHERS = {"AccessionNumber", "InstitutionName", "InstitutionAddress", "StationName", "ReferringPhysicianName",
             "PerformingPhysicianName", "OperatorsName", "PhysiciansOfRecord", "NameOfPhysiciansReadingStudy", "StudyDescription",
             "SeriesDescription", "StudyDate", "StudyID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "DeviceSerialNumber"}
# Steps that decoders of lossy pictures and of YCbCr may differ by.
STEP = 4


def elements(dataset):
    """All elements that can be read, those within sequences too: one of the files has an item's end among them."""
    for tag in dataset.keys():
        try:
            element = dataset[tag]
        except (NotImplementedError, ValueError):
            continue
        yield element
        if element.VR == "SQ":
            for item in element.value:
                yield from elements(item)


def secrets(dataset):
    """Texts that must not be in the cleaned file."""
    found = set()
    for element in elements(dataset):
        if element.VR == "SQ" or not (element.tag.group in GROUPS or element.keyword in OF_OTHERS):
            continue
        for text in str(element.value).replace("^", " ").split():
            if len(text) >= SHORTEST:
                found.add(text.encode())
    # Who made the scanner stays, and may own the place.
    stays = f"{dataset.get('Manufacturer', '')} {dataset.get('ManufacturerModelName', '')}"
    return found - {text.encode() for text in stays.split()}


def colours(dataset):
    """Pixels as red, green and blue, or as grey in 8 bits, frame by frame; None where pydicom cannot show them."""
    pixels = dataset.pixel_array
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        pixels = pydicom.pixels.apply_color_lut(pixels, dataset)
        pixels = (pixels // 257 if pixels.dtype == np.uint16 else pixels).astype(np.uint8)
    elif dataset.PhotometricInterpretation.startswith("YBR") and dataset.file_meta.TransferSyntaxUID.is_encapsulated is False:
        pixels = convert_color_space(pixels, dataset.PhotometricInterpretation, "RGB", per_frame=True)
    frames = int(dataset.get("NumberOfFrames", 1) or 1)
    return pixels.reshape(frames, dataset.Rows, dataset.Columns, -1)


def errors(path):
    return [line for line in validate.said_by("dciodvfy", "-new", path) if line.startswith("Error")]


def compare(check, before_path, after_path):
    """Errors before and after, pixels that stayed, pixels that are neither black nor what they were."""
    before, after = pydicom.dcmread(before_path, force=True), pydicom.dcmread(after_path)
    was, now = errors(before_path), errors(after_path)
    new = [line for line in now if line not in was]
    check.tell(not new, f"dciodvfy {before_path.name}: {len(was)} errors before, {len(now)} after, {len(new)} of them new")
    for line in new:
        print("        " + line)
    data = after_path.read_bytes()
    left = sorted(text for text in secrets(before) if text in data)
    check.tell(not left, f"{before_path.name}: {len(secrets(before))} texts looked for, {len(left)} found")
    new_pixels, old_pixels = colours(after), colours(before)
    lit = new_pixels.any(axis=-1)
    far = np.abs(new_pixels.astype(int) - old_pixels.astype(int)).max(axis=-1) > STEP
    other = int((lit & far).sum())
    check.tell(other == 0, f"{before_path.name}: {int(lit.sum())} pixels lit, {other} of them not as they were")
    return len(was), len(now), len(new), 100 * lit.mean(), other


def table(check, program, folder, work):
    """Cleans the files of a folder and gives the lines of a table about them."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    files = sorted(path for path in folder.iterdir() if path.is_file())
    out = work / "clean"
    # Some are refused, which is its exit status.
    subprocess.run([program, "deidentify", folder, "--out", out, "--key", work / "key"], stdout=subprocess.DEVNULL)
    done = {entry["input"]: entry for entry in json.loads((out / "deidentified.json").read_text())["done"]}
    lines = ["| file | errors as it came | errors after | new | lit pixels | neither black nor as they were | text left |", "|---|---|---|---|---|---|---|"]
    for number, path in enumerate(files, 1):
        entry = done.get(number)
        if entry is None:
            lines.append(f"| {path.stem} | {len(errors(path))} | refused | – | – | – | – |")
            continue
        was, now, new, lit, other = compare(check, path, out / entry["output"])
        left = f"{len(entry['text_left'])} boxes: for review" if entry["text_left"] else "none found"
        lines.append(f"| {path.stem} | {was} | {now} | {new} | {lit:.0f} % | {other} | {left} |")
    return lines


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--vesalius", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    args = parser.parse_args()
    check = validate.Check()
    print("\n".join(table(check, args.vesalius.resolve(), args.folder.resolve(), args.work.resolve())))
    print(f"{check.failures} failures")
    return 1 if check.failures else 0


if __name__ == "__main__":
    sys.exit(main())
