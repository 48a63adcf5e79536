"""`facepipe dataset`: what a person types and is told."""

from __future__ import annotations

import json

import boto3
import click
import pytest
from click.testing import CliRunner
from moto import mock_aws

from facepipe.errors import FacepipeError
from facepipe_io.training.commands.dataset import dataset
from tests.facepipe_io.training.pictures import noise, write_pictures


class Commands(click.Group):
    """Does with errors what `facepipe` does."""

    def invoke(self, ctx):
        try:
            return super().invoke(ctx)
        except FacepipeError as error:
            raise click.ClickException(str(error)) from error


@pytest.fixture
def facepipe(monkeypatch, tmp_path):
    """Types a command, in a folder with pictures in it, and gives what came of it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    write_pictures(tmp_path / "pictures")

    def typed(*words):
        words = ["dataset", "pictures", "--side", "300", *(str(word) for word in words)]
        return CliRunner().invoke(Commands(commands={"dataset": dataset}), words)

    return typed


def shown(text):
    """Lines without what is blank around them."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def test_a_data_set_is_made_and_what_comes_next_is_told(facepipe, tmp_path):
    result = facepipe("--out", "my bottles")
    assert result.exit_code == 0, result.output
    lines = shown(result.stdout)
    assert lines[0].split() == ["class", "pictures", "boxes", "train", "validation"]
    assert lines[2].split() == ["can", "22", "22", "18", "4"]
    assert lines[3].split() == ["soda", "bottle", "11", "11", "9", "2"]
    assert lines[4].split() == ["all", "22", "33", "18", "4"]
    assert lines[5] == ("Made my bottles. See whether the boxes are right: my bottles/preview.jpg")
    assert lines[-1] == (
        "facepipe dataset pictures --side 300 --out 'my bottles' "
        "--to s3://BUCKET/datasets/my-bottles"
    )
    assert "Warning: 22 pictures are few" in result.stderr
    assert (tmp_path / "my bottles" / "preview.jpg").is_file()


def test_the_words_fit_the_terminal(facepipe, tmp_path):
    name = "a long name of a class, of which the table makes do with less"
    write_pictures(tmp_path / "pictures", noise(range(20), name))
    result = facepipe()
    table = result.stdout.partition("Made")[0]
    assert result.exit_code == 0, result.output
    assert max(len(line.rstrip()) for line in table.splitlines()) <= 80
    assert "validation" in table


def test_names_of_classes_are_shown_as_they_are(facepipe, tmp_path):
    write_pictures(tmp_path / "pictures", noise(range(20), "[bold]can"))
    assert "[bold]can" in facepipe().stdout


def test_errors_are_listed_by_file_and_nothing_is_made(facepipe, tmp_path):
    for name in ("0.png", "4.png"):
        (tmp_path / "pictures" / name).write_bytes(b"")
    result = facepipe()
    assert result.exit_code == 1
    assert result.stdout == ""
    assert shown(result.stderr)[-3:] == [
        "Error: 0.png cannot be used: it is empty; fetch it anew.",
        "Error: 4.png cannot be used: it is empty; fetch it anew.",
        "Error: 2 errors to put right first; nothing was written",
    ]
    assert not (tmp_path / "dataset").exists()


def test_of_many_errors_the_first_are_shown(facepipe, tmp_path):
    path = tmp_path / "pictures" / "labels.json"
    document = json.loads(path.read_text())
    document["images"] += [{"id": 100 + n, "file_name": f"no{n:02}.jpg"} for n in range(25)]
    path.write_text(json.dumps(document))
    lines = shown(facepipe().stderr)
    assert "Error: no19.jpg has labels, but there is no such picture." in lines
    assert not any("no20.jpg" in line for line in lines)
    assert lines[-2:] == [
        "and 5 more errors",
        "Error: 25 errors to put right first; nothing was written",
    ]


def test_check_makes_nothing_and_tells_the_command_that_does(facepipe, tmp_path):
    result = facepipe(
        "--check", "--labels", "pictures/labels.json", "--classes", "can, soda bottle"
    )
    assert result.exit_code == 0, result.output
    assert shown(result.stdout)[-1] == (
        "facepipe dataset pictures --labels pictures/labels.json --side 300 "
        "--classes 'can,soda bottle'"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["pictures"]


def test_a_manifest_of_pictures_in_a_bucket_tells_how_to_fetch_them(facepipe, tmp_path):
    (tmp_path / "pictures" / "labels.json").unlink()
    metadata = {"class-map": {"0": "can"}, "type": "groundtruth/object-detection"}
    job = {"annotations": [{"class_id": 0, "left": 9, "top": 9, "width": 50, "height": 50}]}
    refs = [f"s3://bucket/input/{name}" for name in ("0.png", "far.png", "farther.png")]
    rows = [{"source-ref": ref, "job": job, "job-metadata": metadata} for ref in refs]
    text = "".join(f"{json.dumps(row)}\n" for row in rows)
    (tmp_path / "output.manifest").write_text(text)
    result = facepipe("--labels", "output.manifest")
    assert result.exit_code == 1
    assert shown(result.stderr)[-2] == (
        "Error: s3://bucket/input/far.png and 1 more must be in pictures; fetch what is there "
        "first: aws s3 sync s3://bucket/input/ pictures"
    )


@pytest.fixture
def s3(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="deeplens-faces")
        yield client


def test_it_is_uploaded_and_training_comes_next(facepipe, s3):
    result = facepipe("--to", "s3://deeplens-faces/datasets/bottles")
    assert result.exit_code == 0, result.output
    lines = shown(result.stdout)
    assert lines[-3].startswith("Uploaded to s3://deeplens-faces/datasets/bottles: 27 files, ")
    assert lines[-1] == "facepipe train dataset"
    assert s3.list_objects_v2(Bucket="deeplens-faces")["KeyCount"] == 27


def test_an_upload_that_fails_is_one_line_and_the_data_set_stays(facepipe, s3, tmp_path):
    result = facepipe("--to", "s3://no-such-bucket/datasets/bottles")
    assert result.exit_code == 1
    assert "cannot store anything in s3://no-such-bucket/datasets/bottles" in result.stderr
    assert (tmp_path / "dataset" / "dataset.json").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--labels", "none.json"], "'none.json' does not exist"),
        (["--side", "400"], "'400' is not one of"),
        (["--format", "darknet"], "'darknet' is not one of"),
        (["--classes", "a,,b"], "a class's name is not blank"),
        (["--classes", "a,a"], "it names a class twice"),
        (["--to", "s3://"], "--to takes s3://BUCKET/datasets/NAME, and not 's3://'"),
        (["--out", "pictures"], "name a new folder with --out"),
        (["--format", "voc"], "it holds no labels (voc: .xml); name them with --labels"),
    ],
)
def test_a_mistake_is_one_line(facepipe, words, message):
    result = facepipe(*words)
    assert result.exit_code != 0
    assert result.stdout == ""
    (line,) = [line for line in shown(result.stderr) if line.startswith("Error: ")]
    assert message in line


def test_help_has_an_example():
    result = CliRunner().invoke(dataset, ["--help"])
    assert "facepipe dataset pictures --check" in result.stdout
