"""Faults of programs that others run, as their users reported them: what names and files of models can do.

For `benchmarks.hostile_inputs`. Each case says where its fault was reported: owner/repository and number.
Beside it stand faults of data (`hostile_public_data`) and of what reads bytes (`hostile_reported`).
"""

import functools
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import sentence_transformers  # noqa: F401  # imported once, and not by each child
import torch
import transformers  # noqa: F401  # the same

from benchmarks.hostile_cases import MAPPINGS, Case, dejavu
from benchmarks.hostile_files import having
from dejavu.commands import resume
from dejavu.models import packaged, transformers_folder
from dejavu.models.checkpoints import load as checkpoints
from dejavu.models.clip import load
from dejavu.run import dvc_lock
from tests.models.clip.test_sentence_encoder import text_params
from tests.models.training.world import MACHINE
from tests.run.test_dvc_lock import WHOLE

RAN = "from pathlib import Path\nPath('../../canary').touch()\n\nclass Evil:\n    pass\n"
NAMES = {
    "tektoncd/pipeline 3226": '"`touch ../canary`"',
    "sun-zheng-an/gulp-shell 83": "/evil/$(touch ../canary)'$(touch ../canary)'",
    "neochaotic/leoflow 516": "x; touch ../canary",
    "hua0512/rust-srec 814": "x $(touch ../canary|sh)",
    "inercia/MCPShell 54": "x'; touch ../canary #",
    "constellation-works/orbit 499": "x\ntouch ../canary",
    "amterp/rad 153": 'a"; touch ../canary; echo "b',
}


def shell() -> Iterator[Case]:
    """Names that a shell would run."""
    for report, name in NAMES.items():
        for mapping in MAPPINGS:
            content: object = {name: {}}
            for key in reversed(mapping.split(".")):
                content = {key: content}
            raw = json.dumps(content).encode()
            act = having("p.yaml", raw, dejavu("check", "--params", "p.yaml"))
            yield f"{report}: a key of {mapping}", act


def modules() -> Iterator[Case]:
    """Folders of text models, and of transformers, whose settings name code."""
    st = "sentence_transformers.models."
    evil = {"AutoConfig": "evil.Evil", "AutoModel": "evil.Evil"}
    router = {
        "types": {"a": "evil.Evil"},
        "structure": {"query": ["a"]},
        "parameters": {},
    }
    named: dict[str, tuple[str, dict[str, Any]]] = {
        "huggingface/sentence-transformers 3683: a module of another package": ("os.system", {}),
        "huggingface/sentence-transformers 3801: a module of the folder": ("evil.Evil", {}),
        "huggingface/sentence-transformers 3860: a tokenizer's class": (
            f"{st}WordEmbeddings",
            {"e/wordembedding_config.json": {"tokenizer_class": "evil.Evil"}},
        ),
        "huggingface/sentence-transformers 3860: classes of a router": (
            f"{st}Router",
            {"e/router_config.json": router, "e/a/config.json": {}},
        ),
        "huggingface/sentence-transformers 3935: an activation": (
            f"{st}Dense",
            {"e/config.json": {"activation_function": "evil.Evil"}},
        ),
        "mzau/mlx-knife 71: auto_map of the tokenizer": (
            f"{st}Normalize",
            {"tokenizer_config.json": {"auto_map": {"AutoTokenizer": ["evil.Evil"] * 2}}},
        ),
        "oobabooga/textgen 5730: auto_map of the network": (
            f"{st}Normalize",
            {"config.json": {"model_type": "evil", "auto_map": evil}},
        ),
        "oobabooga/textgen 5730: auto_map, and settings that trust it": (
            f"{st}Normalize",
            {
                "sentence_bert_config.json": {"model_args": {"trust_remote_code": True}},
                "config.json": {"model_type": "evil", "auto_map": evil},
            },
        ),
    }
    for name, (kind, settings) in named.items():
        yield name, functools.partial(_open_text_model, kind, settings)
    for file in ("config.json", "preprocessor_config.json"):
        content = {"model_type": "vit", "auto_map": evil}
        beside = {"m/evil.py": RAN.encode(), "m/config.json": b'{"model_type": "vit"}'}
        beside.pop(f"m/{file}", None)
        yield (
            f"mzau/mlx-knife 71: auto_map in {file}",
            having(
                f"m/{file}",
                json.dumps(content).encode(),
                lambda: transformers_folder.config(Path("m")),
                **beside,
            ),
        )


def _open_text_model(kind: str, settings: dict[str, Any]) -> None:
    original, folder = packaged.locate(packaged.MINILM).parent, Path("m")
    shutil.copytree(original, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    (folder / "model.safetensors").symlink_to(original / "model.safetensors")
    listed = json.loads((folder / "modules.json").read_text())
    listed.append({"idx": 9, "name": "9", "path": "e", "type": kind})
    (folder / "modules.json").write_text(json.dumps(listed))
    for place in ("e", "e/a", "."):
        (folder / place).mkdir(exist_ok=True)
        (folder / place / "evil.py").write_text(RAN)
    for name, content in settings.items():
        (folder / name).write_text(json.dumps(content))
    sys.path.insert(0, str(folder.resolve()))
    load.opened(text_params(str(folder.resolve())), MACHINE)


POINTER = (
    b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 90868376\n"
)


PAGE = b"<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title></head></html>"


def weights() -> Iterator[Case]:
    """Weights that are not those that were published, or are no weights."""
    for path in ("w.pth", "w.safetensors"):
        read = functools.partial(checkpoints.read, Path(path))
        yield (
            f"jivankandel/PUResNet 13: a pointer in the place of {path}",
            having(path, POINTER, read),
        )
        yield f"uncbiag/ICON 42: {path} of a download that failed", having(path, b"", read)
        yield f"fsantini/KoboCloud 160: a web page in the place of {path}", having(path, PAGE, read)
    yield "Omid-Nejati/MedViTV2 12: weights that are cut off", _cut_off
    unpacked = having(
        "w.pth/archive/data.pkl", b"", functools.partial(checkpoints.read, Path("w.pth"))
    )
    yield "lsj2408/Transformer-M 5: weights that were unpacked", unpacked
    for known in (packaged.MINILM, packaged.EFFICIENTNET_LITE0):
        for report, change in {
            "pytorch/vision 7744: other bytes under the known name": lambda raw: raw[:-1] + b"x",
            "liyunsheng13/micronet 1: another file under the known name": lambda raw: raw[
                : len(raw) // 2
            ],
            "OpenBMB/VoxCPM 249: replaced since it was published": lambda _: b"x" * 999,
        }.items():
            yield f"{report}, {known.package}", functools.partial(_find_package, known, change)


def _cut_off() -> None:
    torch.save({"w": torch.zeros(10_000)}, "w.pth")
    raw = Path("w.pth").read_bytes()
    Path("w.pth").write_bytes(raw[:-1000])
    checkpoints.read(Path("w.pth"))
    raise AssertionError("Silent: half of a file was taken")


def _find_package(known: packaged.Packaged, change: Callable[[bytes], bytes]) -> None:
    whole = packaged.locate(known)
    path = Path("site") / known.package / known.file
    path.parent.mkdir(parents=True)
    path.write_bytes(change(whole.read_bytes()))
    (Path("site") / known.package / "__init__.py").write_text(RAN)
    sys.path.insert(0, "site")
    packaged.locate(known)
    raise AssertionError(f"Silent: {path} was taken")


def lock() -> Iterator[Case]:
    """What stopped runs, merges and other versions leave of DVC's own files."""
    ours = WHOLE.replace("0123", "4567")
    merged = f"<<<<<<< HEAD\n{WHOLE}=======\n{ours}>>>>>>> other\n"
    within = WHOLE.replace(
        "      md5: 0123\n",
        "<<<<<<< Updated upstream\n      md5: 0123\n=======\n      md5: 4567\n>>>>>>> Stashed\n",
    )
    texts = {
        "treeverse/dvc 5028: a stage without its command": WHOLE.replace(
            "    cmd: python -m stages.vote\n", ""
        ),
        "treeverse/vscode-dvc 4241: a merge conflict": within,
        "calkit/calkit 502: a merge conflict of whole records": merged,
    }
    for name, text in texts.items():
        yield name, having("dvc.lock", text.encode(), lambda: print(dvc_lock.stages()))
        yield f"{name}, mended", having("dvc.lock", text.encode(), _mend)
    for name, text in {
        "treeverse/dvc 7615: an empty list of workers": "",
        "treeverse/dvc 7615: half a list of workers": '{"write": {"a',
    }.items():
        yield name, having(".dvc/tmp/rwlock", text.encode(), _mend)
    for report in ("treeverse/dvc 2797", "treeverse/dvc 2811"):
        beside = {".dvc/config": b"[core]\n    no_scm = True\n"}
        act = having(".dvc/tmp/lock", b"4194303\n", resume._require_idle, **beside)
        yield f"{report}: a lock of a process that is gone", act


def _mend() -> None:
    Path(".work").mkdir()
    dvc_lock.LAST_GOOD.write_text(WHOLE)
    if not dvc_lock.is_broken():
        raise AssertionError("Silent: taken for whole")
    print(*dvc_lock.mend(), sep="\n")
    if dvc_lock.is_broken():
        raise AssertionError("Silent: not mended")


FAULTS: dict[str, Callable[[], Iterator[Case]]] = {
    "shell": shell, "modules": modules, "weights": weights, "lock": lock,
}  # fmt: skip
