"""`facepipe deploy`: what a person types and is told."""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from facepipe.images import decode_image
from facepipe.models import parse_pointer
from facepipe_io import cli
from facepipe_io.edge.detectors import open_detector
from facepipe_io.edge.models.published import PublishedModel
from facepipe_io.training.commands import deploy as command
from tests.facepipe_io.edge.helpers import picture
from tests.facepipe_io.edge.models.test_archives import good_tar, member, tar
from tests.facepipe_io.edge.publishing import s3_alone
from tests.facepipe_io.local.onnx_file import means_onnx, squares_onnx
from tests.facepipe_io.training.test_package import FILES

BUCKET = "deeplens-faces"


@pytest.fixture(scope="module")
def client():
    with s3_alone() as s3:
        yield s3


@pytest.fixture
def s3(client, monkeypatch):
    client.create_bucket(Bucket=BUCKET)
    monkeypatch.setattr(command, "_s3", lambda: client)
    yield client
    for found in client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        client.delete_object(Bucket=BUCKET, Key=found["Key"])
    client.delete_bucket(Bucket=BUCKET)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Types `facepipe deploy` in a folder of its own, as a part of the whole command."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    group = cli._Commands("facepipe")
    group.add_command(command.deploy)

    def run(*words):
        return CliRunner().invoke(group, ["deploy", *map(str, words)])

    return run


@pytest.fixture
def squares(tmp_path):
    """A detector of coloured squares, and pictures to try it on."""
    (tmp_path / "squares.onnx").write_bytes(squares_onnx())
    (tmp_path / "squares.txt").write_text("red\ngreen\nblue\n")
    (tmp_path / "pictures").mkdir()
    image = picture(0, (640, 320))
    cv2.imwrite(str(tmp_path / "pictures" / "b.png"), image)
    image[:160, :160] = image[160:, 320:480] = (0, 0, 255)
    cv2.imwrite(str(tmp_path / "pictures" / "a.png"), image)
    (tmp_path / "pictures" / "notes.txt").write_text("no picture")
    return tmp_path


def test_hidden_files_are_no_pictures_to_try(run, squares):
    """As macOS leaves them beside each file of another file system."""
    (squares / "pictures" / "._a.png").write_bytes(b"\0\5\26\7")
    (squares / "pictures" / "folder.png").mkdir()
    assert run("squares.onnx", "--try", "pictures").exit_code == 0


def test_a_model_that_does_not_open_is_told_by_its_own_name(run, squares):
    (squares / "squares.onnx").write_bytes(b"no model")
    result = run("squares.onnx")
    assert "cannot use the model squares.onnx: it is damaged or no ONNX" in one_line(result)


def one_line(result, status=1):
    assert result.exit_code == status, result.output
    assert "Traceback" not in result.stderr
    return result.stderr.splitlines()[-1]


def made(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_it_is_tried_shown_and_packed(run, squares):
    result = run("squares.onnx", "--try", "pictures")
    assert result.exit_code == 0, result.output
    assert re.search(r"a\.png +2 red \(1\.00\) +\d+ *\n", result.stdout)
    assert re.search(r"b\.png +nothing +\d+ *\n", result.stdout)
    assert "notes.txt" not in result.stdout
    assert "With boxes, they are in deploy/preview.jpg." in result.stdout
    sheet = decode_image((squares / "deploy" / "preview.jpg").read_bytes())
    green = np.all(np.abs(sheet.astype(int) - (80, 200, 60)) < 40, axis=2)
    assert green.sum() > 500
    pointer = parse_pointer((squares / "deploy/models/squares.json").read_text())
    assert made(squares / "deploy") == [
        "models/squares.json",
        pointer.version.archive,
        "preview.jpg",
    ]
    assert "Nothing is published yet" in result.stdout
    assert result.stderr.count("Warning") == 0


def test_it_is_published_and_a_device_runs_it(run, squares, s3, tmp_path):
    result = run("squares.onnx", "--name", "toys", "--to", f"s3://{BUCKET}")
    assert result.exit_code == 0, result.output
    setting = f"FACEPIPE_MODEL=s3://{BUCKET}/models/toys.json"
    assert f"\n  {setting}\n" in result.stdout
    assert f"facepipe device bundle CAMERA --set {setting}\n" in result.stdout
    assert "was tried on a blank picture alone" in result.stdout
    name = setting.partition("=")[2]
    model = PublishedModel(name, str(tmp_path / "state"), connect=lambda: s3)
    detector = model.start(open_detector)[1]
    assert (detector.name, detector.labels) == ("onnx", ("red", "green", "blue"))


def test_a_second_version_and_back(run, squares, s3):
    run("squares.onnx", "--to", f"s3://{BUCKET}")
    (squares / "squares.txt").write_text("r\ng\nb\n")
    second = run("squares.onnx", "--to", f"s3://{BUCKET}")
    versions = re.findall(r"Published squares (\w{12}), in the place of (\w{12})", second.stdout)
    back = run("--rollback", "--name", "squares", "--to", f"s3://{BUCKET}")
    assert back.exit_code == 0, back.output
    assert f"Published squares {versions[0][1]}.\n" in back.stdout


def test_the_bucket_that_terraform_made(run, squares, s3):
    values = {
        "region": "us-east-1",
        "bucket": BUCKET,
        "role_alias": "deeplens-camera",
        "credentials_endpoint": "c1.credentials.iot.us-east-1.amazonaws.com",
        "messages_endpoint": "a1-ats.iot.us-east-1.amazonaws.com",
        "camera_certificates": {},
    }
    outputs = {name: {"value": value} for name, value in values.items()}
    (squares / "outputs.json").write_text(json.dumps(outputs))
    result = run("squares.onnx", "--outputs", "outputs.json")
    assert f"s3://{BUCKET}/models/squares.json" in result.stdout


def test_labels_may_lie_elsewhere(run, squares):
    (squares / "classes.txt").write_text("rot\ngrün\nblau\n")
    result = run("squares.onnx", "--labels", "classes.txt", "--try", "pictures/a.png")
    assert re.search(r"a\.png +2 rot ", result.stdout)


def test_what_is_odd_is_warned_of(run, squares):
    (squares / "squares.txt").unlink()
    result = run("squares.onnx", "--try", "pictures/b.png")
    assert result.exit_code == 0, result.output
    assert "Warning: there are no labels" in result.stderr
    assert "Warning: it found nothing on any picture" in result.stderr
    (squares / "squares.txt").write_text("one\n")
    result = run("squares.onnx")
    assert "tells 3 classes apart, and there are 1 labels" in result.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nowhere.onnx"], r"nowhere\.onnx: No such file"),
        (["means.onnx"], "no detector of the YOLO family"),
        (["cut.onnx"], "damaged"),
        (["squares.txt"], "neither an .onnx file here nor"),
        (["squares.onnx", "--name", "a b"], "a model's name has.*--name"),
        (["squares.onnx", "--detector", "yunet"], "no YuNet model"),
        (["squares.onnx", "--labels", "pictures/a.png"], "no text in UTF-8"),
        (["squares.onnx", "--try", "squares.txt"], r"squares\.txt: it is no JPEG"),
        (["squares.onnx", "--try", "empty"], "there is no picture in it"),
        (["squares.onnx", "--to", "models"], "--to takes s3://BUCKET"),
        (["squares.onnx", "--to", "s3://nowhere"], "NoSuchBucket.*check its name"),
        (["squares.onnx", "--outputs", "squares.txt"], "`terraform output -json`"),
        (["squares.onnx", "--out", "squares.txt/a"], r"squares\.txt.*Not a directory"),
        (["--rollback", "--name", "cups", "--to", f"s3://{BUCKET}"], "there is no model"),
        (["s3://models/a.onnx"], "neither an .onnx file here nor"),
        ([f"s3://{BUCKET}/a.tar.gz"], "NoSuchKey"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_and_publishes_nothing(run, squares, s3, words, told):
    (squares / "means.onnx").write_bytes(means_onnx((1, 3, 32, 32)))
    (squares / "cut.onnx").write_bytes(squares_onnx()[:-9])
    (squares / "empty").mkdir()
    assert re.search(told, one_line(run(*words)))
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--rollback"],
        ["--rollback", "--name", "a"],
        ["a.onnx", "--rollback", "--name", "a", "--to", "s3://abc"],
        ["a.onnx", "--to", "s3://abc", "--terraform", "."],
    ],
)
def test_half_a_command(run, words):
    assert run(*words).exit_code == 2


class TestTrainingJob:
    @pytest.fixture
    def archive(self, tmp_path):
        def write(files, name="model.tar.gz"):
            out = io.BytesIO()
            with tarfile.open(fileobj=out, mode="w:gz") as packed:
                for file, content in files.items():
                    info = tarfile.TarInfo(file)
                    info.size = len(content)
                    packed.addfile(info, io.BytesIO(content))
            (tmp_path / name).write_bytes(out.getvalue())
            return out.getvalue()

        return write

    def test_its_training_layers_are_taken_off(self, run, archive, tmp_path):
        archive(FILES)
        (tmp_path / "classes.txt").write_text("bottle\ncan\n")
        result = run("model.tar.gz", "--name", "bottles", "--labels", "classes.txt")
        assert result.exit_code == 0, result.output
        assert "Made deploy/deploy_bottles.tar.gz, for AWS DeepLens" in result.stdout
        assert "Make an environment with it" in result.stdout.replace("\n", " ")
        assert "deploy_bottles-symbol.json" in made(tmp_path / "deploy")

    def test_one_in_s3_has_its_jobs_name(self, run, s3, archive, tmp_path):
        key = "training/deeplens-bottles-1/output/model.tar.gz"
        s3.put_object(Bucket=BUCKET, Key=key, Body=archive(FILES))
        result = run(f"s3://{BUCKET}/{key}")
        assert result.exit_code == 0, result.output
        assert (tmp_path / "deploy" / "deploy_deeplens-bottles-1.tar.gz").is_file()

    def test_without_an_environment_of_mxnet(self, run, s3, archive, tmp_path):
        archive(FILES)
        (tmp_path / "classes.txt").write_text("bottle\ncan\n")
        named = ("model.tar.gz", "--labels", "classes.txt")
        result = run(*named, "--mxnet", "nowhere/python")
        assert "there is no Python with MXNet at nowhere/python" in one_line(result)

        result = run(*named, "--to", f"s3://{BUCKET}")
        assert result.exit_code == 1
        assert "Error: nothing is published." in result.stderr
        assert "say what it finds" in one_line(run("model.tar.gz", "--mxnet", "python"))

    def test_without_the_size_of_its_pictures(self, run, archive, tmp_path):
        (tmp_path / "classes.txt").write_text("bottle\ncan\n")
        archive({name: data for name, data in FILES.items() if name != "hyperparams.json"})
        assert "put back its hyperparams.json" in one_line(
            run("model.tar.gz", "--labels", "classes.txt", "--mxnet", "python")
        )

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (b"", "damaged or no .tar.gz"),
            (gzip.compress(good_tar())[:-9], "damaged or no .tar.gz"),
            (gzip.compress(good_tar()), "-symbol.json"),
            (gzip.compress(tar(member("../model_algo_1-symbol.json"))), "outside of its folder"),
            (gzip.compress(tar(member("a", b"", b"2", linkname="/etc"))), "no plain file"),
            (gzip.compress(tar(member("a", bytes(2**20)), member("a"))), "twice"),
        ],
        ids=["empty", "cut off", "another", "outside", "link", "twice"],
    )
    def test_a_bad_one_is_refused_and_nothing_written(self, run, tmp_path, content, told):
        (tmp_path / "model.tar.gz").write_bytes(content)
        assert told in one_line(run("model.tar.gz"))
        assert made(tmp_path) == ["model.tar.gz"]


def test_help_has_an_example(run):
    assert "facepipe deploy bottles.onnx" in run("--help").output.partition("Example")[2]
