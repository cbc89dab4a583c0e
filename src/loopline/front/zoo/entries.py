"""What the zoo of data sets holds: names, sources, licences, sizes, hashes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from loopline.errors import BadValue, near

How: TypeAlias = Literal["archives", "trees", "digits", "open_images"]


@dataclass(frozen=True, slots=True)
class File:
    """A file on the network. md5: "" where nobody states it; then what comes is taken as it is."""

    url: str
    md5: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """Pictures with labels in one archive, or with the labels in a second one.

    member  the label file in the archive `labels`
    split   of all its pictures; "" where the archive says it
    """

    pictures: File
    format: str
    labels: File | None = None
    member: str = ""
    split: str = ""


@dataclass(frozen=True, slots=True)
class PublicSet:
    """A data set by name.

    how       how it is brought: archives on the network, or code of its own
    samples   pictures, in all
    size_bytes   to be fetched, about; 0: nothing, or it depends on what is asked for
    class_names  what the classes in the files (WordNet's numbers) stand for
    """

    name: str
    title: str
    task: str
    samples: int
    size_bytes: int
    licence: str
    page: str
    how: How = "archives"
    parts: tuple[Part, ...] = ()
    class_names: tuple[tuple[str, str], ...] = ()

    @property
    def sources(self) -> tuple[str, ...]:
        """Every URL that is asked, or the Python package."""
        files = [file for part in self.parts for file in (part.pictures, part.labels) if file is not None]
        return tuple(dict.fromkeys(file.url for file in files)) or (self.page,)


_COCO: Final = "http://images.cocodataset.org"
_COCO_LABELS: Final = File(f"{_COCO}/annotations/annotations_trainval2017.zip", "f4bbac642086de4f52a3fdda2de5fa2c")
_COCO_LICENCE: Final = "labels CC BY 4.0; pictures: each as on Flickr"
_VOC: Final = "http://host.robots.ox.ac.uk/pascal/VOC"
_VOC_LICENCE: Final = "none stated; pictures: each as on Flickr"
_FAST: Final = "https://s3.amazonaws.com/fast-ai-imageclas"
_FAST_PAGE: Final = "https://github.com/fastai/imagenette"
_FAST_LICENCE: Final = "Apache-2.0; pictures: ImageNet's terms, for research"
_OPEN: Final = "https://storage.googleapis.com/openimages/web/index.html"
_OPEN_LICENCE: Final = "labels CC BY 4.0; pictures: listed as CC BY 2.0"


def _coco(split: str, md5: str) -> tuple[Part, ...]:
    pictures = File(f"{_COCO}/zips/{split}2017.zip", md5)
    return (Part(pictures, "coco", _COCO_LABELS, f"annotations/instances_{split}2017.json", split),)


def _fast(file: str, md5: str = "") -> tuple[Part, ...]:
    return (Part(File(f"{_FAST}/{file}.tgz", md5), "imagefolder"),)


_NETTE: Final = (
    *(("n01440764", "tench"), ("n02102040", "English springer"), ("n02979186", "cassette player")),
    *(("n03000684", "chain saw"), ("n03028079", "church"), ("n03394916", "French horn")),
    *(("n03417042", "garbage truck"), ("n03425413", "gas pump"), ("n03445777", "golf ball")),
    ("n03888257", "parachute"),
)
_WOOF: Final = (
    *(("n02086240", "Shih-Tzu"), ("n02087394", "Rhodesian ridgeback"), ("n02088364", "beagle")),
    *(("n02089973", "English foxhound"), ("n02093754", "Border terrier"), ("n02096294", "Australian terrier")),
    *(("n02099601", "golden retriever"), ("n02105641", "Old English sheepdog"), ("n02111889", "Samoyed")),
    ("n02115641", "dingo"),
)


def _nette(px: str, mb: int, md5: str) -> PublicSet:
    return PublicSet(
        *(f"imagenette{px}", f"ten easy classes of ImageNet{_sized(px)}", "classification", 13_394, mb * 10**6),
        *(_FAST_LICENCE, _FAST_PAGE),
        parts=_fast(f"imagenette2{px.replace('_', '-')}", md5),
        class_names=_NETTE,
    )


def _woof(px: str, mb: int) -> PublicSet:
    return PublicSet(
        *(f"imagewoof{px}", f"ten breeds of dogs of ImageNet{_sized(px)}", "classification", 12_954, mb * 10**6),
        *(_FAST_LICENCE, _FAST_PAGE),
        parts=_fast(f"imagewoof2{px.replace('_', '-')}"),
        class_names=_WOOF,
    )


def _sized(px: str) -> str:
    return f", {px[1:]} px" if px else ""


ENTRIES: Final = (
    PublicSet(
        *("trees", "trees seen from the air, 951 boxes drawn by hand", "detection", 4, 21 * 10**6),
        *("MIT", "wheel:deepforest==2.1.0", "trees"),
    ),
    PublicSet(
        *("digits", "handwritten digits of 8 × 8 pixels, from scikit-learn", "classification", 1797, 0),
        *("CC BY 4.0", "https://archive.ics.uci.edu/dataset/80", "digits"),
    ),
    PublicSet(
        *("coco_2017_val", "COCO 2017, val: 80 classes, boxes and masks", "detection", 5000, 1068 * 10**6),
        *(_COCO_LICENCE, "https://cocodataset.org"),
        parts=_coco("val", "442b8da7639aecaf257c1dceb8ba8c80"),
    ),
    PublicSet(
        *("coco_2017_train", "COCO 2017, train: 80 classes, boxes and masks", "detection", 118_287, 19_590 * 10**6),
        *(_COCO_LICENCE, "https://cocodataset.org"),
        parts=_coco("train", "cced6f7f71b7629ddf16f17bbcfab6b2"),
    ),
    PublicSet(
        *("voc_2007", "Pascal VOC 2007, trainval and test: 20 classes", "detection", 9963, 911 * 10**6),
        *(_VOC_LICENCE, f"{_VOC}/voc2007/"),
        parts=(
            Part(File(f"{_VOC}/voc2007/VOCtrainval_06-Nov-2007.tar", "c52e279531787c972589f7e41ab4ae64"), "voc"),
            Part(File(f"{_VOC}/voc2007/VOCtest_06-Nov-2007.tar", "b6e924de25625d8de591ea690078ad9f"), "voc"),
        ),
    ),
    PublicSet(
        *("voc_2012", "Pascal VOC 2012, trainval: 20 classes", "detection", 17_125, 2000 * 10**6),
        *(_VOC_LICENCE, f"{_VOC}/voc2012/"),
        parts=(Part(File(f"{_VOC}/voc2012/VOCtrainval_11-May-2012.tar", "6cd6e144f989b92b3379bac3b3de84fd"), "voc"),),
    ),
    PublicSet(
        *("open_images_val", "Open Images, validation: some pictures, 601 classes", "detection", 41_620, 0),
        *(_OPEN_LICENCE, _OPEN, "open_images"),
    ),
    PublicSet(
        *("open_images_test", "Open Images, test: some pictures, 601 classes", "detection", 125_436, 0),
        *(_OPEN_LICENCE, _OPEN, "open_images"),
    ),
    _nette("_160", 99, "e793b78cc4c9e9a4ccc0c1155377a412"),
    _nette("_320", 342, "3df6f0d01a2c9592104656642f5e78a3"),
    _nette("", 1557, "fe2fc210e6bb7c5664d602c3cd71e612"),
    *(_woof("_160", 93), _woof("_320", 328), _woof("", 1344)),
)


def list_zoo() -> list[PublicSet]:
    """Every public data set that has a name here."""
    return list(ENTRIES)


def entry(name: str) -> PublicSet:
    """Raises BadValue with near names."""
    known = {one.name: one for one in ENTRIES}
    if name not in known:
        raise BadValue(f'the zoo has no data set "{name}"', hint=near(name, known))
    return known[name]
