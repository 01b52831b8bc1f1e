"""Boxes of a manifest as COCO JSON, for other people's detectors."""

from typing import Any

CATEGORIES = ("face", "full_opacification", "air_fluid", "cyst", "mucosal_thickening")


def coco(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """COCO with facial patches and sinusitis boxes (x, y, width, height of stored pixels); ``side`` is the patient's."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, entry in enumerate(entries, start=1):
        acquisition = entry["acquisition"]
        images.append(
            {
                "id": number, "file_name": f"cases/{entry['case_id']}/{entry['files']['image']}",
                "width": acquisition["columns"], "height": acquisition["rows"], "split": entry["split"],
                "patient_id": entry["patient_id"],
            }
        )  # fmt: skip
        marked = [("face", entry["labels"]["face_box"], "")]
        marked += [(b["subclass"], b["xyxy"], b["side"]) for b in entry["labels"]["boxes"]]
        for name, (x0, y0, x1, y1), side in marked:
            annotations.append(
                {
                    "id": len(annotations) + 1, "image_id": number, "category_id": CATEGORIES.index(name) + 1,
                    "bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0), "iscrowd": 0,
                    "attributes": {"side": side} if side else {},
                }
            )  # fmt: skip
    return {
        "info": {"description": "Simulated Waters' radiographs; no patient was imaged.", "version": "1"},
        "images": images,
        "annotations": annotations,
        "categories": [{"id": i, "name": name} for i, name in enumerate(CATEGORIES, start=1)],
    }
