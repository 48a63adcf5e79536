"""From a folder of real pictures to a model on a device, by the commands that docs/models.md names.

Only SageMaker itself is somebody else: moto takes the job, MXNet trains what it asks for.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import boto3
import numpy as np
import pytest
from click.testing import CliRunner
from moto import mock_aws

import deeplens_entry
from facepipe.boxes import box_iou
from facepipe.images import decode_image
from facepipe.keys import parse_key
from facepipe_io.cli import main
from facepipe_io.edge.detectors import open_detector
from tests.mxnet.helpers import PYTHON, mxnet

BUCKET = "deeplens-facepipe-walk"
ROLE = "arn:aws:iam::123456789012:role/deeplens-training"


@pytest.fixture
def folder(data_dir, tmp_path, monkeypatch):
    """Pictures with faces that people drew boxes around, and their labels as COCO has them."""
    monkeypatch.chdir(tmp_path)
    Path("pictures").mkdir()
    images, annotations = [], []
    known = json.loads((data_dir / "images" / "ground_truth.json").read_text("utf-8"))
    for number, (name, told) in enumerate(known.items()):
        path = data_dir / "images" / name
        boxes = [face["box"] for face in told["faces"] if "box" in face]
        if not path.is_file() or not boxes:
            continue
        shutil.copy(path, Path("pictures", path.name))
        size = {"width": told["width"], "height": told["height"]}
        images.append({"id": number, "file_name": path.name, **size})
        annotations += [{"image_id": number, "category_id": 1, "bbox": box} for box in boxes]
    categories = [{"id": 1, "name": "Visitor"}]
    document = {"images": images, "annotations": annotations, "categories": categories}
    Path("labels.json").write_text(json.dumps(document), "utf-8")
    return tmp_path


@pytest.fixture
def s3(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        yield client


def facepipe(line, *more):
    result = CliRunner().invoke(main, [*line.split(), *more])
    assert result.exit_code == 0, result.output
    return result.stdout


def fetch(s3, key, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    s3.download_file(BUCKET, key, str(path))


@pytest.mark.timeout(280)
def test_from_pictures_to_a_model_on_a_device(folder, s3, monkeypatch):
    facepipe(
        "dataset pictures --labels labels.json --side 300 --out visitors "
        f"--to s3://{BUCKET}/datasets/visitors"
    )
    summary = json.loads(Path("visitors/dataset.json").read_text("utf-8"))

    job = facepipe(f"train visitors --role {ROLE} --region us-east-1").split()[-1]
    request = boto3.client("sagemaker").describe_training_job(TrainingJobName=job)
    assert request["HyperParameters"]["num_training_samples"] == str(summary["train"]["images"])
    sources = [channel["DataSource"]["S3DataSource"] for channel in request["InputDataConfig"]]
    assert [source["AttributeNames"] for source in sources] == [["source-ref", "labels"]] * 2

    # What SageMaker does: it reads what the request names, and leaves what it has learnt.
    (train,) = (source["S3Uri"] for source in sources if "train" in source["S3Uri"])
    fetch(s3, train.partition(f"{BUCKET}/")[2], folder / "job" / "train.manifest")
    for line in (folder / "job" / "train.manifest").read_text("utf-8").splitlines():
        key = json.loads(line)["source-ref"].partition(f"{BUCKET}/")[2]
        fetch(s3, key, folder / "job" / "images" / Path(key).name)
    fetch(s3, "datasets/visitors/classes.txt", folder / "job" / "classes.txt")
    mxnet("learn", folder / "job", folder / "learnt")
    output = request["OutputDataConfig"]["S3OutputPath"].partition(f"{BUCKET}/")[2].strip("/")
    archive = f"{output}/{job}/output/model.tar.gz"
    s3.upload_file(str(folder / "learnt" / "model.tar.gz"), BUCKET, archive)

    told = facepipe(
        f"deploy s3://{BUCKET}/{archive} --name visitors --labels visitors/classes.txt "
        f"--try pictures --to s3://{BUCKET} --mxnet",
        PYTHON,
    )
    setting = f"s3://{BUCKET}/models/visitors.json"
    assert f"FACEPIPE_MODEL={setting}" in told
    assert Path("deploy/preview.jpg").stat().st_size > 10_000

    assert found_again(Path("deploy/visitors.onnx")) > 0.5

    monkeypatch.setenv("FACEPIPE_MODEL", setting)
    monkeypatch.setenv("FACEPIPE_SOURCE", "visitors/images")
    monkeypatch.setenv("FACEPIPE_CAMERA", "hall-1")
    monkeypatch.setenv("FACEPIPE_CROPS_DIR", "crops")
    monkeypatch.setenv("FACEPIPE_BUS", "none")
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
    stats = deeplens_entry.main()
    crops = [path.relative_to("crops") for path in Path("crops").rglob("*.jpg")]
    assert {parse_key(str(crop)).label for crop in crops} == {"Visitor"}
    assert stats.faces == stats.detector_errors == stats.model_errors == 0
    assert len(crops) == stats.things == stats.objects > summary["train"]["boxes"] / 2


def found_again(model):
    """Share of the boxes that it was trained on, around which it draws much the same box."""
    detector = open_detector("ssd", str(model))
    found = count = 0
    for line in Path("visitors/train.manifest").read_text("utf-8").splitlines():
        record = json.loads(line)
        name = record["source-ref"].rpartition("/")[2]
        drawn = np.array(
            [
                [box["left"], box["top"], box["left"] + box["width"], box["top"] + box["height"]]
                for box in record["labels"]["annotations"]
            ],
            float,
        )
        boxes = detector.detect(decode_image(Path("visitors/images", name).read_bytes())).boxes
        count += len(drawn)
        if len(boxes):
            found += int((box_iou(drawn, boxes).max(axis=1) > 0.5).sum())
    return found / count
