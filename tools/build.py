"""Build what is deployed: the zips of the two Lambda functions, the endpoint's model, the wheel.

    build/rekognition.zip   rekognition_entry and what it imports; boto3 is in Lambda's runtime
    build/deeplens.zip      deeplens_entry and what it imports; NumPy and OpenCV are the device's
    build/model.tar.gz      a model and, in code/, sagemaker_entry and what it imports; what pip
                            installs in its container is in code/requirements.txt
    build/*.whl             facepipe

The same sources give the same bytes: files are sorted, and none carries a time or an owner.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # this checkout, whatever is installed

from facepipe_io.device.wheel import build_wheel  # noqa: E402

BUILD = ROOT / "build"

# What all of them need beside the sources. Pinned, for the archives' sake.
REQUIREMENTS = ["attrs==25.4.0"]

# Zip cannot say anything earlier (APPNOTE.TXT, 4.4.6).
EPOCH = (1980, 1, 1, 0, 0, 0)

SUFFIXES = {".css", ".html", ".js", ".py", ".svg"}
SHARED = [
    "facepipe",
    *(f"facepipe_io/{name}.py" for name in ("__init__", "errors", "settings", "text")),
]
CLOUD = "facepipe_io/cloud"
SCORER = ("__init__", "answers", "log", "metrics", "records", "rekognition", "scorer", "settings")
FUNCTIONS = {
    "rekognition.zip": [
        "rekognition_entry.py",
        *(f"{CLOUD}/{name}.py" for name in SCORER),
        *SHARED,
    ],
    "deeplens.zip": ["deeplens_entry.py", "facepipe_io/edge", *SHARED],
}
ENDPOINT = [
    "sagemaker_entry.py",
    *(f"{CLOUD}/{name}.py" for name in ("__init__", "bodies", "endpoint")),
    "facepipe_io/edge",
    *SHARED,
]

# Of which the serving toolkit installs what the model's container lacks.
ENDPOINT_REQUIREMENTS = """\
boto3==1.44.5
numpy==2.2.6 ; python_version < "3.11"
numpy==2.4.6 ; python_version >= "3.11"
opencv-python-headless==4.14.0.94
"""

CASCADE = "haarcascade_frontalface_default.xml"
# Suffixes of the text that describes a network, by the model's.
NETWORKS = {".pb": ".pbtxt", ".caffemodel": ".prototxt"}


def main() -> None:
    """Build everything."""
    options = _options()
    out = options.out
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        packages = Path(folder)
        _pip("install", "--no-deps", "--no-compile", "--target", str(packages), *REQUIREMENTS)
        for name, sources in FUNCTIONS.items():
            files = _sources(sources)
            files.update(_modules(packages))
            _report(_zip(out / name, files))
        code = {f"code/{name}": path for name, path in _sources(ENDPOINT).items()}
        code.update({f"code/{name}": path for name, path in _modules(packages).items()})
        requirements = packages / "requirements.txt"
        requirements.write_text(ENDPOINT_REQUIREMENTS, "utf-8")
        code["code/requirements.txt"] = requirements
        model = _model(options.model)
        _report(_tar(out / "model.tar.gz", {**model, **code}))
        another = "" if options.model else "; MODEL=... packs another"
        print(f"  its model is {', '.join(model)}{another}")
    if options.zips:
        return
    for old in out.glob("facepipe-*.whl"):
        old.unlink()
    wheel = build_wheel()
    (out / wheel.name).write_bytes(wheel.data)
    _report(out / wheel.name)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Build what is deployed.")
    parser.add_argument(
        "--model",
        type=Path,
        help="the endpoint's: YuNet's .onnx, an SSD's .pb or .caffemodel with its network's text "
        "beside it, or a cascade's .xml; OpenCV's own cascade by default",
    )
    parser.add_argument("--out", type=Path, default=BUILD, help="where to; build/ by default")
    parser.add_argument("--zips", action="store_true", help="leave the wheel out")
    options = parser.parse_args()
    if options.model is not None and not options.model.is_file():
        parser.error(f"there is no file {options.model}")
    return options


def _sources(names: list[str]) -> dict[str, Path]:
    """Name in the zip to file, for modules and whole packages of ours, with their pages."""
    files = {}
    for path in (ROOT / name for name in names):
        for file in path.rglob("*.*") if path.is_dir() else [path]:
            if file.suffix in SUFFIXES:
                files[file.relative_to(ROOT).as_posix()] = file
    return files


def _modules(packages: Path) -> dict[str, Path]:
    """Name in the zip to file, for the modules and licences of installed packages."""
    return {
        path.relative_to(packages).as_posix(): path
        for path in packages.rglob("*")
        if path.suffix == ".py" or ("licenses" in path.parts and path.is_file())
    }


def _model(model: Path | None) -> dict[str, Path]:
    """Name in the archive to file, for a model and what belongs to it."""
    if model is None:
        import cv2

        return {CASCADE: Path(cv2.data.haarcascades) / CASCADE}
    files = {model.name: model}
    suffix = NETWORKS.get(model.suffix.lower())
    if suffix:
        text = model.with_suffix(suffix)
        texts = [text] if text.is_file() else list(model.parent.glob("*" + suffix))
        if len(texts) != 1:
            sys.exit(f"{model}: its network's text is missing; put {text.name} beside it")
        files[texts[0].name] = texts[0]
    # What it finds, and how a picture becomes its input; both may be left out.
    beside = (model.with_suffix(".txt"), model.with_name(model.name + ".json"))
    return {**files, **{path.name: path for path in beside if path.is_file()}}


def _zip(target: Path, files: dict[str, Path]) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, files[name].read_bytes())
    return target


def _tar(target: Path, files: dict[str, Path]) -> Path:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(files):
            data = files[name].read_bytes()
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    target.write_bytes(gzip.compress(plain.getvalue(), compresslevel=9, mtime=0))
    return target


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    subprocess.run(command, check=True, env={**os.environ, "SOURCE_DATE_EPOCH": "315532800"})


def _report(path: Path) -> None:
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    print(f"{os.path.relpath(path)}  {len(data) / 1000:.0f} kB  sha256 {digest[:16]}")


if __name__ == "__main__":
    main()
