"""What `dejavu fetch` knows: freely downloadable files, their licenses, sizes and checksums.

A checksum stands here only where it is public; every other file is recorded on arrival, so that a second
machine can compare. Sizes are in bytes, exact where given; otherwise the server is asked.
"""

import dataclasses
from types import MappingProxyType

_FAIR = "https://dl.fbaipublicfiles.com"
_HUB = "https://huggingface.co"
_GTE = f"{_HUB}/thenlper/gte-base/resolve/c078288308d8dee004ab72c6191778064285ec0c"
_BERT = f"{_HUB}/google-bert/bert-base-uncased/resolve/86b5e0934494bd15c9632b12f734a8a67f723594"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """One file: where it is, what it is called here, and what is known about its content."""

    url: str
    path: str  # relative to the entry's folder
    n_bytes: int | None = None
    sha256: str | None = None
    md5: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """One name of `dejavu fetch`: its files and what a user must know before taking them."""

    title: str
    license: str
    source: str  # the page that publishes it
    folder: str  # relative to the data root
    files: tuple[RemoteFile, ...]
    unpacks_to: str | None = None  # the folder that a zip archive holds, beside the archive


def _weights(title: str, license: str, source: str, file: RemoteFile) -> Download:
    return Download(title=title, license=license, source=source, folder="weights", files=(file,))


def _vicreg(title: str, url: str, path: str) -> Download:
    source = "https://github.com/facebookresearch/vicreg"
    return _weights(title, "MIT", source, RemoteFile(url=f"{_FAIR}/vicreg/{url}", path=path))


def _barlow_twins(title: str, url: str, path: str) -> Download:
    source = "https://github.com/facebookresearch/barlowtwins"
    return _weights(title, "MIT", source, RemoteFile(url=f"{_FAIR}/barlowtwins/{url}", path=path))


def _dino(title: str, folder: str, suffix: str) -> Download:
    source = "https://github.com/facebookresearch/dino"
    path = f"{folder}{suffix}.pth"
    return _weights(
        title, "Apache-2.0", source, RemoteFile(url=f"{_FAIR}/dino/{folder}/{path}", path=path)
    )


def _sam(title: str, path: str, n_bytes: int, sha256: str) -> Download:
    url = f"{_FAIR}/segment_anything/{path}"
    source = "https://github.com/facebookresearch/segment-anything"
    file = RemoteFile(url=url, path=path, n_bytes=n_bytes, sha256=sha256)
    return _weights(title, "Apache-2.0", source, file)


def _coco(title: str, url: str, n_bytes: int, md5: str, unpacks_to: str) -> Download:
    path = url.rpartition("/")[2]
    file = RemoteFile(
        url=f"http://images.cocodataset.org/{url}", path=path, n_bytes=n_bytes, md5=md5
    )
    return Download(
        title=title,
        license="annotations CC BY 4.0; images under the Flickr terms of their owners",
        source="https://cocodataset.org/#download",
        folder="coco",
        files=(file,),
        unpacks_to=unpacks_to,
    )


_COCO_ANNOTATIONS = (
    "annotations/annotations_trainval2017.zip", 252_907_541,
    "f4bbac642086de4f52a3fdda2de5fa2c", "annotations",
)  # fmt: skip

DOWNLOADS: MappingProxyType[str, Download] = MappingProxyType(
    {
        "tiny_imagenet": Download(
            title="Tiny ImageNet: 200 classes, 64 px, with boxes",
            license="ImageNet terms of access: non-commercial research and education only",
            source="http://cs231n.stanford.edu",
            folder="tiny_imagenet",
            files=(
                RemoteFile(
                    url="http://cs231n.stanford.edu/tiny-imagenet-200.zip",
                    path="tiny-imagenet-200.zip",
                    n_bytes=248_100_043,
                    md5="90528d7ca1a48142e341f4ef8d21d0de",
                ),
            ),
            unpacks_to="tiny-imagenet-200",
        ),
        "coco_captions": _coco("COCO 2017 captions (one archive with instances)", *_COCO_ANNOTATIONS),
        "coco_instances": _coco("COCO 2017 instances (one archive with captions)", *_COCO_ANNOTATIONS),
        "coco_val2017": _coco(
            "COCO 2017 validation images", "zips/val2017.zip", 815_585_330,
            "442b8da7639aecaf257c1dceb8ba8c80", "val2017",
        ),
        "coco_train2017": _coco(
            "COCO 2017 training images", "zips/train2017.zip", 19_336_861_798,
            "cced6f7f71b7629ddf16f17bbcfab6b2", "train2017",
        ),
        "vicreg_resnet50": _vicreg(
            "VICReg ResNet-50, backbone only", "resnet50.pth", "vicreg_resnet50.pth"
        ),
        "vicreg_resnet50_full": _vicreg(
            "VICReg ResNet-50, backbone and projector", "resnet50_fullckpt.pth",
            "vicreg_resnet50_fullckpt.pth",
        ),
        # Backbone and full file of one training. The backbone that the project's hub entry downloads is
        # of another training and has no projector of its own.
        "barlow_twins_resnet50": _barlow_twins(
            "Barlow Twins ResNet-50, backbone only", "ljng/resnet50.pth", "barlow_twins_resnet50.pth"
        ),
        "barlow_twins_full": _barlow_twins(
            "Barlow Twins ResNet-50, backbone and projector", "ljng/checkpoint.pth",
            "barlow_twins_checkpoint.pth",
        ),
        "dino_resnet50": _dino("DINO ResNet-50, backbone only", "dino_resnet50_pretrain", ""),
        "dino_resnet50_full": _dino(
            "DINO ResNet-50, student and teacher with heads", "dino_resnet50_pretrain",
            "_full_checkpoint",
        ),
        "dino_vits16": _dino("DINO ViT-S/16, backbone only", "dino_deitsmall16_pretrain", ""),
        "dino_vits16_full": _dino(
            "DINO ViT-S/16, student and teacher with heads", "dino_deitsmall16_pretrain",
            "_full_checkpoint",
        ),
        "grounding_dino_swint": _weights(
            "GroundingDINO with Swin-T (OGC)",
            "Apache-2.0",
            "https://github.com/IDEA-Research/GroundingDINO",
            RemoteFile(
                url="https://github.com/IDEA-Research/GroundingDINO/releases/download/"
                "v0.1.0-alpha/groundingdino_swint_ogc.pth",
                path="groundingdino_swint_ogc.pth",
                n_bytes=693_997_677,
                sha256="3b3ca2563c77c69f651d7bd133e97139c186df06231157a64c507099c52bc799",
            ),
        ),
        "bert_base_uncased": Download(
            title="BERT base uncased (the text encoder that GroundingDINO reads first)",
            license="Apache-2.0",
            source="https://huggingface.co/google-bert/bert-base-uncased",
            folder="weights/bert-base-uncased",
            files=tuple(
                RemoteFile(url=f"{_BERT}/{path}", path=path)
                for path in (
                    "config.json", "vocab.txt", "tokenizer.json", "tokenizer_config.json",
                    "model.safetensors",
                )
            ),
        ),
        "sam_vit_b": _sam(
            "Segment Anything ViT-B", "sam_vit_b_01ec64.pth", 375_042_383,
            "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
        ),
        "sam_vit_h": _sam(
            "Segment Anything ViT-H", "sam_vit_h_4b8939.pth", 2_564_550_879,
            "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
        ),
        "gte_base": Download(
            title="GTE base text encoder (a sentence-transformers folder)",
            license="MIT",
            source="https://huggingface.co/thenlper/gte-base",
            folder="weights/gte-base",
            files=tuple(
                RemoteFile(url=f"{_GTE}/{path}", path=path)
                for path in (
                    "modules.json", "config.json", "sentence_bert_config.json",
                    "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json",
                    "vocab.txt", "1_Pooling/config.json", "model.safetensors",
                )
            ),
        ),
    }
)  # fmt: skip
