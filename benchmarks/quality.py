"""Faults of pictures: which of those that were made are found, by `ds.find.quality` and by cleanvision.

    python benchmarks/quality.py PHOTOS [--made 12]

Some of the photographs of a folder (and its sub-folders) are spoilt in each of eight ways; the others stay as they are.
Both tools look at the whole set with their defaults. cleanvision is asked only where it is installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

import loopline as ll

Found = dict[str, set[str]]

FAULTS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "dark": lambda image: ImageEnhance.Brightness(image).enhance(0.08),
    "bright": lambda image: Image.blend(image, Image.new("RGB", image.size, "white"), 0.95),
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(max(image.size) / 60)),
    "odd shape": lambda image: image.crop((0, 0, image.width, image.height // 10)),
    "little information": lambda image: Image.new("RGB", image.size, image.resize((1, 1)).getpixel((0, 0))),
    "odd size": lambda image: image.resize((image.width // 16, image.height // 16)),
}
_THEIRS = {
    "dark": "dark",
    "light": "bright",
    "blurry": "blurred",
    "odd_aspect_ratio": "odd shape",
    "low_information": "little information",
    "odd_size": "odd size",
    "exact_duplicates": "exact double",
    "near_duplicates": "near double",
}


def spoil(photos: list[Path], folder: Path, made: int) -> Found:
    """The set, and which files have which fault."""
    faulty: Found = {}
    names = [*FAULTS, "exact double", "near double"]
    for place, file in enumerate(photos):
        fault = names[place // made] if place < made * len(names) else ""
        image = Image.open(file).convert("RGB")
        name = f"{place:04}.jpg"
        if fault in FAULTS:
            FAULTS[fault](image).save(folder / name, quality=90)
        else:
            image.save(folder / name, quality=90)
        if fault == "exact double":
            (folder / f"{place:04}-again.jpg").write_bytes((folder / name).read_bytes())
        if fault == "near double":
            image.resize((image.width * 3 // 4, image.height * 3 // 4)).save(
                folder / f"{place:04}-again.jpg", quality=60
            )
        if fault:
            both = {name, f"{place:04}-again.jpg"} if "double" in fault else {name}
            faulty.setdefault(fault, set()).update(both)
    return faulty


def ours(folder: Path) -> Found:
    ds = ll.create(str(folder.parent / "set"))
    ds.add(folder)
    paths = dict(zip(ds.view().ids().tolist(), ds.view().values("path").to_pylist(), strict=True))
    found = {
        row["issue"]: {paths[i] for i in ds.where(row["where"]).ids().tolist()} if row["samples"] else set()
        for row in ds.find.quality().table.to_pylist()
    }
    found["exact double"] = set(ds.find.duplicates("content").table["path"].to_pylist())
    found["near double"] = set(ds.find.duplicates("looks").table["path"].to_pylist())
    return found


def theirs(folder: Path) -> Found:
    from cleanvision import Imagelab

    lab = Imagelab(data_path=str(folder), verbose=False)
    lab.find_issues(n_jobs=1, verbose=False)
    return {
        name: {Path(str(path)).name for path in lab.issues.index[lab.issues[f"is_{theirs_}_issue"]]}
        for theirs_, name in _THEIRS.items()
        if f"is_{theirs_}_issue" in lab.issues
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--made", type=int, default=12, help="pictures with each fault")
    asked = parser.parse_args()
    photos = sorted(f for f in asked.photos.rglob("*") if f.suffix.lower() in (".jpg", ".jpeg", ".png"))
    np.random.default_rng(0).shuffle(photos)  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "pictures"
        folder.mkdir()
        faulty = spoil(photos, folder, asked.made)
        print(
            f"{len(photos):,} photographs, {sum(map(len, faulty.values()))} of the pictures made from them with a fault"
        )
        for name, tool in (("loopline", ours), ("cleanvision", theirs)):
            if tool is theirs and importlib.util.find_spec("cleanvision") is None:
                print("cleanvision is not installed", file=sys.stderr)
                continue
            began = time.process_time()
            found = tool(folder)
            print(
                f"\n{name}, {time.process_time() - began:.1f} CPU s\n{'fault':20} {'made':>5} {'found':>6} {'others':>7}"
            )
            for fault, files in faulty.items():
                said = found.get(fault, set())
                print(f"{fault:20} {len(files):5} {len(said & files):6} {len(said - files):7}")


if __name__ == "__main__":
    main()
