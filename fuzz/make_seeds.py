#!/usr/bin/env python3
"""Makes the seeds of `seeds/dicom_calibration/`: small synthetic files with regions and times. Needs pydicom 3."""

from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless, UltrasoundMultiFrameImageStorage

FOLDER = Path(__file__).resolve().parent / "seeds" / "dicom_calibration"


def region(kind, units, delta, box):
    item = Dataset()
    item.RegionSpatialFormat, item.RegionDataType, item.RegionFlags = kind, 1, 0
    item.RegionLocationMinX0, item.RegionLocationMinY0 = box[:2]
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = box[2:]
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = units
    item.PhysicalDeltaX, item.PhysicalDeltaY = -delta, delta
    return item


def make(name, syntax, regions, **times):
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = UltrasoundMultiFrameImageStorage
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    ds.Modality = "US"
    ds.SequenceOfUltrasoundRegions = regions
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.NumberOfFrames, ds.Rows, ds.Columns = 3, 8, 16
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    for attribute, value in times.items():
        setattr(ds, attribute, value)
    ds.PixelData = bytes(i % 256 for i in range(3 * 8 * 16))
    ds["PixelData"].VR = "OB"
    if syntax == RLELossless:
        # Two runs of 64 samples a frame, in one segment.
        segment = bytes([193, 7, 193, 9])
        header = (1).to_bytes(4, "little") + (64).to_bytes(4, "little") + bytes(56)
        ds.PixelData = encapsulate([header + segment] * 3)
        ds["PixelData"].is_undefined_length = True
    FOLDER.mkdir(parents=True, exist_ok=True)
    implicit = syntax == ImplicitVRLittleEndian
    ds.save_as(FOLDER / f"{name}.dcm", enforce_file_format=True, implicit_vr=implicit, little_endian=True)


make(
    "two_regions", ExplicitVRLittleEndian, [region(1, 3, 0.05, (0, 0, 7, 7)), region(2, 4, 0.01, (8, 0, 15, 7))],
    FrameIncrementPointer=0x00181065, FrameTimeVector=["0", "40", "50"], PixelSpacing=["0.5", "0.5"],
)
make(
    "implicit", ImplicitVRLittleEndian, [region(1, 3, 0.05, (0, 0, 16, 8))],
    FrameIncrementPointer=0x00181063, FrameTime="40", EffectiveDuration="0.12",
)
make("overlap", RLELossless, [region(1, 3, 0.05, (0, 0, 9, 7)), region(1, 3, 0.05, (4, 2, 15, 7))], CineRate="25")
