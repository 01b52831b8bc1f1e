"""pydicom's own decoders and those of its plug-ins that survive damaged streams, one by one.

GDCM is not among them: on some damaged JPEG streams it ends the whole process (an uncaught C++ exception). Nor is the RLE
plug-in, whose panics pass every ``except``.
"""

import numpy as np
import numpy.typing as npt
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import UID

from sinusviewer.errors import DicomReadError
from sinusviewer.imaging.headers import Header
from sinusviewer.imaging.pixel_layout import is_native
from sinusviewer.imaging.quiet import PYDICOM_ERRORS, quiet_readers

RLE = "1.2.840.10008.1.2.5"
_SAFE_PLUGINS = ("pylibjpeg", "pyjpegls", "pillow", "pydicom")


def plugin_frame(header: Header, index: int, *, raw: bool = True) -> npt.NDArray[np.generic]:
    """One frame through pydicom: ``[y, x]`` or ``[y, x, 3]``; colour and palettes turned to RGB unless ``raw``.

    Raises
    ------
    DicomReadError
        If no decoder can read it.
    """
    quiet_readers()
    try:
        dataset = _read(header)
        decoder = get_decoder(UID(header.transfer_syntax_uid))
        array = None
        if is_native(header):
            array, _ = decoder.as_array(dataset, index=index, raw=raw)
        else:
            plugins = ("pydicom",) if header.transfer_syntax_uid == RLE else _SAFE_PLUGINS
            for name in (p for p in plugins if p in decoder.available_plugins):
                try:
                    array, _ = decoder.as_array(dataset, index=index, raw=raw, decoding_plugin=name)
                    break
                except PYDICOM_ERRORS:
                    continue
        if array is None:
            raise DicomReadError("The image cannot be decoded: its compressed data are damaged or of an unknown kind.")
        if not raw and header.photometric == "PALETTE COLOR":
            array = apply_color_lut(array, dataset)
        return np.asarray(array)
    except PYDICOM_ERRORS as error:
        raise DicomReadError("The image cannot be decoded: its pixels or their description are damaged.") from error


def _read(header: Header) -> Dataset:
    with header.path.open("rb") as file:
        dataset = dcmread(file, force=True)
    if not isinstance(getattr(dataset, "file_meta", None), FileMetaDataset):
        dataset.file_meta = FileMetaDataset()
    if "TransferSyntaxUID" not in dataset.file_meta:
        dataset.file_meta.TransferSyntaxUID = UID(header.transfer_syntax_uid)
    return dataset
