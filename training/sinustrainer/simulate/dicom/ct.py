"""CT series of virtual patients (PS3.3 A.3)."""

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage

from sinustrainer.simulate.ct.scan import CtScan
from sinustrainer.simulate.ct.scanners import SCANNERS
from sinustrainer.simulate.dicom.header import Subject, add_subject, new_file, uid_of
from sinustrainer.simulate.dicom.slices import constant_runs, file_of

_VARYING = ("SOPInstanceUID", "InstanceNumber", "ImagePositionPatient", "SliceLocation", "PixelData")


def write_ct(folder: Path, scan: CtScan, subject: Subject, seed_key: str) -> tuple[str, ...]:
    """Write one file a slice (``0001.dcm`` from the feet up); return their SOP instance UIDs.

    Raises
    ------
    OSError
        As the file system does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    protocol, affine = scan.protocol, scan.affine
    scanner = SCANNERS[protocol.scanner]
    kernel = scanner.bone if protocol.bone_kernel else scanner.soft
    step_x, step_y, step_z = (affine[:3, i] for i in range(3))
    row, column = step_x / np.linalg.norm(step_x), step_y / np.linalg.norm(step_y)
    ds = new_file(CTImageStorage, uid_of(seed_key, "ct", 0))
    add_subject(ds, subject)
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.Modality = "CT"
    ds.SeriesInstanceUID = uid_of(seed_key, "series")
    ds.SeriesNumber = 2
    ds.SeriesDescription = f"PNS {protocol.slice_mm:g} mm {'bone' if protocol.bone_kernel else 'soft'}"
    ds.SeriesDate, ds.SeriesTime = subject.study_date, subject.study_time
    ds.AcquisitionDate, ds.AcquisitionTime = subject.study_date, subject.study_time
    ds.ContentDate, ds.ContentTime = subject.study_date, subject.study_time
    ds.AcquisitionNumber = 1
    ds.BodyPartExamined = "HEAD"
    ds.PatientPosition = "HFS"
    ds.FrameOfReferenceUID = uid_of(seed_key, "frame")
    ds.PositionReferenceIndicator = ""
    ds.ImageOrientationPatient = [f"{v:.9f}" for v in (*row, *column)]
    ds.PixelSpacing = [f"{float(np.linalg.norm(step_y)):.6f}", f"{float(np.linalg.norm(step_x)):.6f}"]
    ds.SliceThickness = f"{protocol.slice_mm:g}"
    ds.SpacingBetweenSlices = f"{protocol.interval_mm:g}"
    ds.GantryDetectorTilt = f"{protocol.gantry_tilt_deg:g}"
    ds.KVP = f"{protocol.kvp:g}"
    ds.Exposure = round(protocol.mas)
    ds.ExposureTime = 1000
    ds.XRayTubeCurrent = round(protocol.mas)
    ds.ConvolutionKernel = kernel.name
    ds.ReconstructionDiameter = f"{protocol.field_mm:g}"
    ds.DataCollectionDiameter = "500"
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows, ds.Columns = scan.voxels.shape[1:]
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit = 15
    ds.PixelRepresentation = 1
    if scanner.padding_hu is not None:
        ds.add_new(0x00280120, "SS", scanner.padding_hu)
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = "0", "1", "HU"
    ds.WindowCenter, ds.WindowWidth = ("300", "2000") if protocol.bone_kernel else ("40", "350")
    uids = []
    constant = constant_runs(ds, _VARYING)
    for k, pixels in enumerate(scan.voxels):
        position = affine[:3, 3] + k * step_z
        uid = uid_of(seed_key, "ct", k)
        own = Dataset()
        own.SOPInstanceUID = uid
        own.InstanceNumber = k + 1
        own.ImagePositionPatient = [f"{v:.6f}"[:16] for v in position]
        own.SliceLocation = f"{float(position[2]):.4f}"
        own.PixelData = np.ascontiguousarray(pixels, dtype="<i2").tobytes()
        own["PixelData"].VR = "OW"
        (folder / f"{k + 1:04d}.dcm").write_bytes(file_of(ds.file_meta, uid, constant, own))
        uids.append(uid)
    return tuple(uids)
