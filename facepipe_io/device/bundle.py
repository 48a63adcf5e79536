"""The bundle: one archive from which a device is installed."""

from __future__ import annotations

import gzip
import io
import ssl
import tarfile
import tempfile
from pathlib import Path
from typing import Any, Mapping, Sequence

import certifi

from facepipe_io.device.entry import Entry
from facepipe_io.device.environment import (
    MODELS_FOLDER,
    check_environment,
    device_environment,
    environment_file,
)
from facepipe_io.device.keys import CameraFiles, read_key
from facepipe_io.device.stack import Stack
from facepipe_io.errors import SettingsError, StoreError

_FILES = Path(__file__).parent / "files"

_TIME = 315532800  # 1980-01-01, of each file: the same content gives the same bytes

# Who signs for AWS IoT and its credentials provider. AWS: "Server authentication", AWS IoT Core
# Developer Guide; Starfield's root cross-signs Amazon's.
_SIGNERS = ("Amazon Root CA ", "Starfield Services Root Certificate Authority - G2")


def bundle_entries(
    files: CameraFiles,
    stack: Stack,
    *,
    settings: Mapping[str, str],
    models: Sequence[Path] = (),
) -> list[Entry]:
    """All that a device needs but the packages, checked.

    Args:
        files: the camera's, with its key.
        stack: what Terraform built.
        settings: variables that beat what the stack says.
        models: the detector's model, and what has to lie beside it. Labels and the JSON file of an
            .onnx file come along by themselves.

    Raises:
        SettingsError: when the device would refuse its settings.
        StoreError: when a file cannot be used, or the certificate is not for the key.
    """
    certificate = stack.certificate(files.camera)
    key = read_key(files, certificate)
    named = {path.name: path for path in models}
    if len(named) < len(models):
        raise SettingsError(["two files given with --model have one name, but share a folder"])
    settings = dict(settings)
    if models and "FACEPIPE_MODEL" in settings:
        raise SettingsError(["FACEPIPE_MODEL and --model are two models; give one of them"])
    for path in models:
        named.update((beside.name, beside) for beside in _beside(path))
    if models:
        settings["FACEPIPE_MODEL"] = f"{MODELS_FOLDER}/{models[0].name}"
    environ = device_environment(stack, files.camera, settings)
    check_environment(environ, files.camera, models[0] if models else None)
    return [
        Entry("certificate.pem", certificate.encode(), "the camera's certificate"),
        Entry("private.key", key, "its private key"),
        Entry("ca.pem", ca_certificates().encode(), "whom it believes AWS by"),
        Entry("facepipe.env", environment_file(environ).encode(), "settings, for systemd"),
        *(_file(name, about) for name, about in _STATIC.items()),
        *(_file(name, about) for name, about in _LIVE.items() if _serves_a_page(environ)),
        *(Entry(f"models/{name}", _read(path), "model") for name, path in named.items()),
    ]


def _serves_a_page(environ: Mapping[str, str]) -> bool:
    return "://" in environ.get("FACEPIPE_PREVIEW", "")


def _beside(model: Path) -> list[Path]:
    """What belongs to an .onnx file: its labels, and how a picture becomes its input."""
    if model.suffix.lower() != ".onnx":
        return []
    beside = (model.with_suffix(".txt"), model.with_name(model.name + ".json"))
    return [path for path in beside if path.is_file()]


_STATIC = {
    "README": "how to install it",
    "facepipe.service": "the unit of systemd",
    "install.sh": "the installer",
    "requirements.txt": "packages, pinned",
    "requirements-opencv.txt": "OpenCV, but on a DeepLens",
}
_LIVE = {"requirements-live.txt": "what the live page needs"}


def ca_certificates() -> str:
    """The certificates that AWS IoT's servers are signed by, PEM.

    Raises:
        StoreError: when certifi has none of them.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(certifi.where())
    found = []
    for told, der in zip(context.get_ca_certs(), context.get_ca_certs(binary_form=True)):
        subject: Any = told["subject"]
        names = dict(pair for part in subject for pair in part)
        if names.get("commonName", "").startswith(_SIGNERS):
            found.append(ssl.DER_cert_to_PEM_cert(der))
    if not found:
        raise StoreError(certifi.where(), "Amazon's certificates are not in it; update certifi")
    return "".join(found)


def write_bundle(path: Path, folder: str, entries: Sequence[Entry]) -> None:
    """Write an archive that only its owner can read. What was there before is replaced.

    Args:
        path: the archive, `.tar.gz`.
        folder: what it unpacks into.
        entries: what is in it. The same entries give the same bytes.

    Raises:
        StoreError: when it cannot be written.
    """
    packed = io.BytesIO()
    with gzip.GzipFile("", "wb", fileobj=packed, mtime=0) as compressed, tarfile.open(
        fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT
    ) as archive:
        top = _info(folder, 0o700)
        top.type = tarfile.DIRTYPE
        archive.addfile(top)
        for entry in sorted(entries, key=lambda entry: entry.name):
            info = _info(f"{folder}/{entry.name}", 0o600)
            info.size = len(entry.data)
            archive.addfile(info, io.BytesIO(entry.data))
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:  # 0600, by itself
            part = Path(file.name)
            try:
                file.write(packed.getvalue())
                file.flush()
                part.replace(path)
            except BaseException:
                part.unlink()
                raise
    except OSError as error:
        raise StoreError(str(path), error.strerror or str(error)) from error


def _info(name: str, mode: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.mode, info.mtime = mode, _TIME
    return info


def _file(name: str, about: str) -> Entry:
    return Entry(name, (_FILES / name).read_bytes(), about)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StoreError(str(path), error.strerror or str(error)) from error
