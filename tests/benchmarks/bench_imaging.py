"""How fast pixels come in, each figure beside another library's in the same run on the same files."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import pydicom
import SimpleITK
from pydicom.dataset import FileDataset
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import JPEG2000Lossless

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from made_dicom import write_ct  # noqa: E402

from sinusviewer.domain.study import Series  # noqa: E402
from sinusviewer.imaging.load import load_volume  # noqa: E402
from sinusviewer.imaging.scan import scan  # noqa: E402

Row = dict[str, Any]


def run() -> list[Row]:
    """Loading, first image, JPEG 2000, memory and scanning."""
    with tempfile.TemporaryDirectory(prefix="bench-imaging-") as name:
        folder = Path(name)
        write_ct(folder / "ct", _slices(500), 0.6)
        rows = _plain_series(folder / "ct")
        rows.append(_peak_memory(folder / "ct"))
        rows.append(_jpeg_2000(folder / "ct", folder / "j2k", 60))
        rows.append(_scan_many(next((folder / "ct").iterdir()), folder / "many", 10_000))
    return rows


def _slices(count: int) -> npt.NDArray[np.int16]:
    """Slices that compress as a head CT does: smooth tissue, bone, air and noise."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[:512, :512]
    radius = np.hypot((x - 256) / 180, (y - 256) / 220)
    base = np.where(radius < 1, 40, -1000) + np.where(np.abs(radius - 0.95) < 0.05, 1100, 0)
    base = base - np.where(np.hypot((x - 256) / 40, (y - 140) / 30) < 1, 1000, 0)
    noise = rng.normal(0, 12, (16, 512, 512))
    return np.stack([base + noise[i % 16] for i in range(count)]).astype(np.int16)


def _best(work: Callable[[], object], times: int = 3) -> float:
    """Seconds of the fastest of several runs: the one least disturbed by others on the machine."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken)


def _series(folder: Path) -> Series:
    return scan([folder]).studies[0].series[0]


def _plain_series(folder: Path) -> list[Row]:
    series = _series(folder)
    names = [str(i.path) for i in series.instances]

    def itk() -> object:
        reader = SimpleITK.ImageSeriesReader()
        reader.SetFileNames(names)
        return reader.Execute()

    ours, theirs = _best(lambda: load_volume(series)), _best(itk)
    firsts: list[float] = []
    for _ in range(3):
        start = time.perf_counter()
        load_volume(series, first_image=lambda _volume, begun=start: firsts.append(time.perf_counter() - begun))
    return [
        _row(
            "load 500 uncompressed CT slices",
            ours,
            "s",
            f"SimpleITK ImageSeriesReader, {theirs:.2f} s",
            ours / theirs,
            500,
        ),
        _row(
            "first slice after the scan",
            float(np.median(firsts)),
            "s",
            "limit of 0.3 s",
            float(np.median(firsts)) / 0.3,
            3,
        ),
    ]


_MEMORY_PROGRAM = """
import sys, threading, psutil
from sinusviewer.imaging.load import load_volume
from sinusviewer.imaging.scan import scan
process, peak, done = psutil.Process(), [0], threading.Event()
series = scan([sys.argv[1]]).studies[0].series[0]
before = process.memory_info().rss
def watch():
    while not done.wait(0.002):
        peak[0] = max(peak[0], process.memory_info().rss)
watcher = threading.Thread(target=watch)
watcher.start()
volume = load_volume(series, first_image=lambda v: None)
done.set()
watcher.join()
sys.stdout.write(str((max(peak[0], process.memory_info().rss) - before) / volume.voxels.nbytes))
"""


def _peak_memory(folder: Path) -> Row:
    """Peak resident memory of a process that loads the series, above what it had before, sampled every 2 ms."""
    done = subprocess.run(
        [sys.executable, "-c", _MEMORY_PROGRAM, str(folder)], capture_output=True, text=True, check=True, cwd=ROOT
    )
    share = float(done.stdout)
    return _row("peak memory of loading 500 slices", share, "x the volume", "limit of 2.2", share / 2.2, 1)


def _jpeg_2000(source: Path, folder: Path, count: int) -> Row:
    folder.mkdir()
    for path in sorted(source.iterdir())[:count]:
        dataset = pydicom.dcmread(path)
        stream = imagecodecs.jpeg2k_encode(dataset.pixel_array, level=0, reversible=True, codecformat="j2k")
        dataset.PixelData = encapsulate([stream])
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
        dataset.save_as(folder / path.name)
    series = _series(folder)
    decoder = get_decoder(JPEG2000Lossless)

    def gdcm() -> None:
        for instance in series.instances:
            decoder.as_array(pydicom.dcmread(instance.path), raw=True, decoding_plugin="gdcm")

    ours, theirs = _best(lambda: load_volume(series)), _best(gdcm, 2)
    cores = os.cpu_count()
    return _row(
        f"load {count} JPEG 2000 lossless CT slices on {cores} cores", ours / count * 1000, "ms a slice",
        f"GDCM in one process, {theirs / count * 1000:.1f} ms a slice", ours / theirs, count,
    )  # fmt: skip


def _scan_many(template: Path, folder: Path, count: int) -> Row:
    """Nested folders of small CT files: our scan, to the sorted series, beside pydicom's plain loop of header reads."""
    dataset = pydicom.dcmread(template)
    _shrink(dataset)
    small = folder / "template.dcm"
    folder.mkdir()
    dataset.save_as(small)
    content = small.read_bytes()
    small.unlink()
    number_at, place_at = content.find(b"7777777"), content.find(b"5555555")
    for number in range(count):
        parent = folder / f"patient{number // 2000}" / f"study{number // 500}" / f"series{number // 100}"
        if number % 100 == 0:
            parent.mkdir(parents=True)
        patched = bytearray(content)
        patched[number_at : number_at + 7] = f"{1_000_000 + number}".encode()
        patched[place_at : place_at + 7] = f"{number * 0.1:07.1f}".encode()
        (parent / f"{number:05d}.dcm").write_bytes(patched)
    paths = sorted(folder.rglob("*.dcm"))

    def plain() -> None:
        for path in paths:
            pydicom.dcmread(path, stop_before_pixels=True)

    ours, theirs = _best(lambda: scan([folder]), 2), _best(plain, 2)
    return _row(
        f"scan {count} headers in nested folders", count / ours, "files/s",
        f"pydicom.dcmread in a loop, {count / theirs:.0f} files/s", ours / theirs, count,
    )  # fmt: skip


def _shrink(dataset: FileDataset) -> None:
    dataset.Rows = dataset.Columns = 16
    dataset.PixelData = bytes(512)
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    dataset.SOPInstanceUID = "1.2.3.4.7777777"
    dataset.ImagePositionPatient = [0, 0, "5555555"]


def _row(name: str, value: float, unit: str, against: str, ratio: float, n: int) -> Row:
    return {
        "name": name,
        "value": round(value, 4),
        "unit": unit,
        "compared_with": against,
        "ratio": round(ratio, 3),
        "n": n,
    }
