#!/usr/bin/env python3
"""Makes the test files of `tests/files/` and the expected pixel values of `tests/pixels.json`.

    python3 pixels.py FOLDER_OF_PUBLIC_DICOM_FILES

Needs pydicom 3, numpy, Pillow, pyjpegls and pylibjpeg with its plugins. The test files are synthetic and small; of the
public files only hashes, means and a coarse grid of samples are written, never a picture.

What is expected is what pydicom decodes, in the form in which it is shown:

* grey of up to 8 bits without sign: the stored values; MONOCHROME1 turned over (255 - v);
* wider grey: pydicom's modality and VOI transforms, the result spread over 0..255 and rounded to the nearest;
* palette: `apply_color_lut`, entries of 16 bits shown by their eight highest;
* YBR: `convert_color_space` to RGB;
* JPEG with losses: decoded by the plugin `pillow` (libjpeg-turbo). Decoders may round the inverse cosine transform and
  the interpolation between colour differences either way (ITU-T T.83), so Y, Cb and Cr may differ by 1, which makes up
  to 3 in R, G and B: the one tolerance allowed. (pydicom's other plugin, `pylibjpeg`, interpolates in another way and is
  up to 4 levels of Y, Cb and Cr from `pillow` on the public files.)
"""

import hashlib
import json
import sys
from io import BytesIO
from pathlib import Path

import jpeg_ls
import numpy as np
from openjpeg.utils import encode_array
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi_lut, convert_color_space, pixel_array
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
)

HERE = Path(__file__).resolve().parent
FILES = HERE.parent / "files"
LOSSY = {JPEGBaseline8Bit, JPEG2000}
WIDTH, HEIGHT, FRAMES = 48, 32, 3
RANDOM = np.random.default_rng(1)


def scene(channels=1, bits=8, frames=FRAMES):
    """A bright moving ellipse on a ramp with a little noise and a flat border: runs, edges and texture."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
    top = 2**bits - 1
    out = np.zeros((frames, HEIGHT, WIDTH, channels))
    for f in range(frames):
        for c in range(channels):
            ramp = (x * (c + 1) + y * 2) / (WIDTH * channels + HEIGHT * 2)
            inside = ((x - 20 - 3 * f) / 12) ** 2 + ((y - 16) / 8) ** 2 < 1
            out[f, :, :, c] = 0.55 * ramp + 0.35 * inside * (1 - 0.25 * c) + 0.05 * RANDOM.random((HEIGHT, WIDTH))
    out[:, :4] = 0
    out[:, -3:] = 0.5
    return np.clip(np.round(out * top), 0, top).astype(np.uint8 if bits <= 8 else np.uint16)


def dataset(array, photometric, syntax, bits=8, signed=False):
    frames, rows, columns, samples = array.shape
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.SOPClassUID = UltrasoundMultiFrameImageStorage if frames > 1 else UltrasoundImageStorage
    ds.SOPInstanceUID = "1.2.3.4.5"
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.Modality = "US"
    ds.Manufacturer = "Vesalius"
    ds.ManufacturerModelName = "test file"
    ds.PatientName = "Nobody^Synthetic"
    ds.PatientID = "SYNTHETIC-0"
    ds.SamplesPerPixel = samples
    ds.PhotometricInterpretation = photometric
    if samples > 1:
        ds.PlanarConfiguration = 0
    if frames > 1:
        ds.NumberOfFrames = frames
        ds.FrameTime = "40"
        ds.FrameIncrementPointer = 0x00181063
    ds.Rows, ds.Columns = rows, columns
    ds.BitsAllocated = 8 if bits <= 8 else 16
    ds.BitsStored, ds.HighBit = bits, bits - 1
    ds.PixelRepresentation = int(signed)
    return ds


def save(ds, name, native=None, frames=None, table=True, fragments=1):
    """Native pixels, or encoded frames with or without a table of offsets."""
    if native is not None:
        ds.PixelData = native + b"\0" * (len(native) % 2)
        ds["PixelData"].VR = "OW" if ds.BitsAllocated > 8 else "OB"
    else:
        ds.PixelData = encapsulate(frames, fragments_per_frame=fragments, has_bot=table)
        ds["PixelData"].VR = "OB"
        ds["PixelData"].is_undefined_length = True
    FILES.mkdir(exist_ok=True)
    implicit = ds.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian
    ds.save_as(FILES / f"{name}.dcm", enforce_file_format=True, implicit_vr=implicit, little_endian=True)


def native(name, array, photometric, syntax=ExplicitVRLittleEndian, bits=8, signed=False, change=None, data=None):
    ds = dataset(array, photometric, syntax, bits, signed)
    if change:
        change(ds)
    save(ds, name, native=array.tobytes() if data is None else data)


def palette(entries, first, bits):
    def change(ds):
        ramp = np.linspace(0, 2**bits - 1, entries)
        for i, colour in enumerate(["Red", "Green", "Blue"]):
            setattr(ds, f"{colour}PaletteColorLookupTableDescriptor", [entries, first, bits])
            table = np.roll(ramp, i * entries // 3).astype("<u2" if bits == 16 else "u1").tobytes()
            setattr(ds, f"{colour}PaletteColorLookupTableData", table + b"\0" * (len(table) % 2))

    return change


def window(center, width, function=None, slope=None, intercept=None):
    def change(ds):
        ds.WindowCenter, ds.WindowWidth = center, width
        if function:
            ds.VOILUTFunction = function
        if slope is not None:
            ds.RescaleSlope, ds.RescaleIntercept = slope, intercept

    return change


def voi_lut(ds):
    item = Dataset()
    item.LUTDescriptor = [2048, 500, 12]
    item.LUTData = (4095 * (np.arange(2048) / 2047) ** 0.5).astype("<u2").tobytes()
    item["LUTData"].VR = "OW"
    ds.VOILUTSequence = [item]


def planar(ds):
    ds.PlanarConfiguration = 1


def jpeg(frame, **how):
    out = BytesIO()
    image = Image.fromarray(frame[:, :, 0] if frame.shape[2] == 1 else frame)
    image.save(out, "JPEG", quality=85, **how)
    data = out.getvalue()
    return data + b"\0" * (len(data) % 2)


def even(data):
    data = bytes(data)
    return data + b"\0" * (len(data) % 2)


def make_files():
    grey, colour, deep = scene(), scene(3), scene(bits=12)
    native("native_grey", grey, "MONOCHROME2")
    native("native_implicit", grey, "MONOCHROME2", ImplicitVRLittleEndian)
    native("native_monochrome1", grey, "MONOCHROME1")
    native("native_rgb", colour, "RGB")
    native("native_rgb_planar", colour, "RGB", change=planar, data=np.moveaxis(colour, 3, 1).tobytes())
    ybr = np.stack([convert_color_space(f, "RGB", "YBR_FULL") for f in colour])
    native("native_ybr_full", ybr, "YBR_FULL")
    pairs = np.stack([ybr[:, :, 0::2, 0], ybr[:, :, 1::2, 0], ybr[:, :, 0::2, 1], ybr[:, :, 0::2, 2]], axis=-1)
    native("native_ybr_full_422", ybr, "YBR_FULL_422", data=pairs.tobytes())
    native("native_12_bits", deep, "MONOCHROME2", bits=12)
    native("native_12_bits_window", deep, "MONOCHROME2", bits=12, change=window("1400", "1801"))
    native("native_12_bits_window_exact", deep, "MONOCHROME1", bits=12, change=window("1400", "1801", "LINEAR_EXACT"))
    native("native_12_bits_sigmoid", deep, "MONOCHROME2", bits=12, change=window("1400", "1801", "SIGMOID"))
    native("native_12_bits_voi_lut", deep, "MONOCHROME2", bits=12, change=voi_lut)
    signed = (deep.astype(np.int32) - 2048).astype(np.int16)
    native(
        "native_16_bits_signed", signed, "MONOCHROME2", bits=16, signed=True,
        change=window("10", "1488", slope="0.5", intercept="-3"),
    )
    native("native_palette_8", grey, "PALETTE COLOR", change=palette(256, 0, 8))
    native("native_palette_16", grey, "PALETTE COLOR", change=palette(200, 30, 16))
    native("native_palette_16_deep", deep, "PALETTE COLOR", bits=16, change=palette(4096, 0, 16))
    native("one_frame_odd", grey[:1, :31, :47], "MONOCHROME2")

    for name, array, photometric, bits in [
        ("rle_grey", grey, "MONOCHROME2", 8), ("rle_rgb", colour, "RGB", 8), ("rle_12_bits", deep, "MONOCHROME2", 12),
    ]:
        ds = dataset(array, photometric, ExplicitVRLittleEndian, bits)
        ds.PixelData = array.tobytes()
        ds["PixelData"].VR = "OW" if bits > 8 else "OB"
        ds.compress(RLELossless, generate_instance_uid=False)
        ds.save_as(FILES / f"{name}.dcm", enforce_file_format=True)

    save(dataset(grey, "MONOCHROME2", JPEGBaseline8Bit), "jpeg_grey", frames=[jpeg(f) for f in grey])
    frames = [jpeg(f, subsampling="4:2:2") for f in colour]
    save(dataset(colour, "YBR_FULL_422", JPEGBaseline8Bit), "jpeg_422", frames=frames)
    save(dataset(colour, "YBR_FULL_422", JPEGBaseline8Bit), "jpeg_422_no_table", frames=frames, table=False)
    save(dataset(colour, "YBR_FULL_422", JPEGBaseline8Bit), "jpeg_422_pieces", frames=frames, fragments=3)
    save(
        dataset(colour, "YBR_FULL_422", JPEGBaseline8Bit), "jpeg_422_pieces_no_table",
        frames=frames, fragments=3, table=False,
    )
    ds = dataset(colour, "YBR_FULL_422", JPEGBaseline8Bit)
    ds.PixelData, ds.ExtendedOffsetTable, ds.ExtendedOffsetTableLengths = encapsulate_extended(frames)
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    ds.save_as(FILES / "jpeg_422_extended_table.dcm", enforce_file_format=True)
    frames = [jpeg(f, subsampling="4:2:0", progressive=False) for f in colour]
    save(dataset(colour, "YBR_FULL_422", JPEGBaseline8Bit), "jpeg_420", frames=frames)
    frames = [jpeg(f, keep_rgb=True) for f in colour]
    save(dataset(colour, "RGB", JPEGBaseline8Bit), "jpeg_rgb", frames=frames)
    # What many writers leave behind: the header says RGB, the stream bears JFIF's marker and is YCbCr.
    frames = [jpeg(f, subsampling="4:4:4") for f in colour]
    save(dataset(colour, "RGB", JPEGBaseline8Bit), "jpeg_header_says_rgb", frames=frames)

    def ls(name, array, photometric, bits=8, near=0, interleave=0):
        kind = JPEGLSNearLossless if near else JPEGLSLossless
        out = []
        for frame in array:
            if interleave == 0 and frame.shape[2] == 3:
                source = np.ascontiguousarray(np.moveaxis(frame, 2, 0))
            else:
                source = np.ascontiguousarray(frame if frame.shape[2] == 3 else frame[:, :, 0])
            out.append(even(jpeg_ls.encode_buffer(
                source.tobytes(), HEIGHT, WIDTH, frame.shape[2], bits, lossy_error=near, interleave_mode=interleave,
            )))
        ds = dataset(array, photometric, kind, bits)
        save(ds, name, frames=out)

    ls("jls_grey", grey, "MONOCHROME2")
    ls("jls_12_bits", deep, "MONOCHROME2", bits=12)
    ls("jls_16_bits", scene(bits=16), "MONOCHROME2", bits=16)
    ls("jls_near", grey, "MONOCHROME2", near=3)
    ls("jls_rgb_planes", colour, "RGB", interleave=0)
    ls("jls_rgb_lines", colour, "RGB", interleave=1)
    ls("jls_rgb_samples", colour, "RGB", interleave=2)
    ls("jls_rgb_samples_near", colour, "RGB", near=2, interleave=2)
    flat = colour.copy()
    flat[:, 6:20, 5:] = 77
    ls("jls_rgb_samples_flat", flat, "RGB", interleave=2)

    def j2k(name, array, photometric, bits=8, mct=False, ratios=None):
        out = []
        for frame in array:
            source = frame if frame.shape[2] == 3 else frame[:, :, 0]
            how = {"compression_ratios": ratios} if ratios else {}
            out.append(even(encode_array(
                np.ascontiguousarray(source), bits_stored=bits, photometric_interpretation=1 if source.ndim == 3 else 2,
                use_mct=mct, **how,
            )))
        save(dataset(array, photometric, JPEG2000 if ratios else JPEG2000Lossless, bits), name, frames=out)

    j2k("j2k_grey", grey, "MONOCHROME2")
    j2k("j2k_12_bits", deep, "MONOCHROME2", bits=12)
    j2k("j2k_rct", colour, "YBR_RCT", mct=True)
    j2k("j2k_rgb", colour, "RGB")
    j2k("j2k_lossy", grey, "MONOCHROME2", ratios=[4])


def shown(ds):
    """The frames as they are shown, and whether the encoding has losses."""
    syntax = ds.file_meta.TransferSyntaxUID
    how = {"decoding_plugin": "pillow"} if syntax == JPEGBaseline8Bit else {}
    photometric = ds.PhotometricInterpretation
    frames = int(ds.get("NumberOfFrames", 1))
    if photometric.startswith("MONOCHROME"):
        raw = pixel_array(ds, raw=True, **how)
        out = raw.reshape((frames, ds.Rows, ds.Columns))
        if ds.BitsStored > 8 or ds.PixelRepresentation:
            out = grey_of(out, ds)
        out = out.astype(np.uint8)
        return (255 - out if photometric == "MONOCHROME1" else out), syntax in LOSSY
    if photometric == "PALETTE COLOR":
        raw = pixel_array(ds, raw=True, **how)
        out = apply_color_lut(raw, ds).reshape((frames, ds.Rows, ds.Columns, 3))
        if ds.RedPaletteColorLookupTableDescriptor[2] == 16:
            out = out >> 8
        return out.astype(np.uint8), False
    return pixel_array(ds, **how).reshape((frames, ds.Rows, ds.Columns, 3)), syntax in LOSSY


def grey_of(raw, ds):
    value = apply_modality_lut(raw, ds)
    if "VOILUTSequence" in ds:
        shown = apply_voi_lut(raw, ds).astype(float)
        low, high = 0, 2 ** ds.VOILUTSequence[0].LUTDescriptor[2] - 1
    else:
        shown = apply_voi_lut(value, ds).astype(float)
        span = np.array([0, 2**ds.BitsStored - 1]) - (2 ** (ds.BitsStored - 1) if ds.PixelRepresentation else 0)
        low, high = span * float(ds.get("RescaleSlope", 1)) + float(ds.get("RescaleIntercept", 0))
    return np.clip(np.floor((shown - low) / (high - low) * 255 + 0.5), 0, 255)


def truth(path, step):
    ds = dcmread(path)
    frames, lossy = shown(ds)
    rows, columns = frames.shape[1:3]
    entry = {
        "frames": len(frames), "width": columns, "height": rows,
        "layout": "rgb8" if frames.ndim == 4 else "gray8", "lossy": lossy,
    }
    if lossy:
        flat = frames.reshape((len(frames), rows * columns, -1))
        entry["means"] = np.round(flat.mean(axis=1), 4).tolist()
        entry["step"] = step
        entry["grids"] = {
            int(i): frames[i, ::step, ::step].reshape(-1).tolist() for i in sorted({0, len(frames) // 2, len(frames) - 1})
        }
    else:
        entry["sha256"] = [hashlib.sha256(np.ascontiguousarray(f).tobytes()).hexdigest() for f in frames]
    return entry


def main():
    make_files()
    out = {"files": {}, "public": {}}
    for path in sorted(FILES.glob("*.dcm")):
        out["files"][path.stem] = truth(path, 2)
    for path in sorted(Path(sys.argv[1]).glob("*.dcm")):
        try:
            out["public"][path.stem] = truth(path, 24)
        except Exception as error:  # noqa: BLE001: whatever pydicom says of a broken file
            print(f"{path.stem}: pydicom does not read it: {type(error).__name__}")
    text = json.dumps(out, indent=None, separators=(",", ":"))
    text = text.replace('},"', '},\n"').replace('{"', '{\n"', 2)
    (HERE.parent / "pixels.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
