"""The command: what a person types, what they are told, and never a traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import attrs
import pytest

pytest.importorskip("click", reason="local: the extra facepipe[local] is not installed")

import cv2
from click.testing import CliRunner

from facepipe_io import cli
from facepipe_io.edge.settings import DETECTOR_NAMES
from facepipe_io.edge.uplink import uploader
from facepipe_io.local.store import Store


@pytest.fixture
def facepipe(monkeypatch):
    """Types a command and gives what came of it."""
    for name in ("SOURCE", "CAMERA", "MODEL", "DETECTOR", "BUCKET", "CROPS_DIR", "MIN_SCORE"):
        monkeypatch.delenv(f"FACEPIPE_{name}", raising=False)
    monkeypatch.setenv("COLUMNS", "100")

    def typed(*words):
        return CliRunner().invoke(cli.main, [str(word) for word in words])

    return typed


@pytest.fixture(scope="module")
def source(portraits, tmp_path_factory):
    """A folder of one portrait: a quick source, with a name that is no camera's."""
    folder = tmp_path_factory.mktemp("My Source")
    cv2.imwrite(str(folder / "1.png"), portraits["collins"][:300, 80:400])
    return folder


def one_line(result):
    """The one line that a mistake is told in."""
    assert result.exit_code != 0
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1, result.stderr
    return lines[0]


def test_a_run_ends_with_people_and_a_report(facepipe, source, tmp_path):
    out = tmp_path / "out"
    result = facepipe("run", source, "--out", out)
    assert result.exit_code == 0, result.output
    assert "HAPPY" in result.stdout
    assert "One person, who looked happy." in result.stdout
    assert "knows only HAPPY" in " ".join(result.stdout.split())
    (crop,) = out.glob("faces/**/*.jpg")
    assert str(crop) in result.stdout, "a path is in one piece"
    assert crop.relative_to(out).parts[1].startswith("My-Source")
    assert result.stdout.splitlines()[-1] == f"Report: {out / 'report.html'}"
    assert (out / "report.html").is_file()


def test_json_is_one_document_and_nothing_else(facepipe, source, tmp_path):
    out = tmp_path / "out"
    result = facepipe("run", source, "--out", out, "--json", "--camera", "hall 1")
    document = json.loads(result.stdout)
    (person,) = document["people"]
    assert person["dominant"] == "HAPPY"
    assert (out / person["best_crop"]).is_file()
    assert document["run"]["camera"] == "hall 1"
    assert Path(document["report"]).is_file()
    assert Path(document["records"]).is_file()


def test_options_reach_the_pipeline(facepipe, data_dir, tmp_path):
    result = facepipe(
        "run",
        data_dir / "video/head-pose-face-detection-female-and-male.gif",
        *("--model", data_dir / "models/face_detection_yunet_2023mar.onnx"),
        *("--emotion-model", data_dir / "models/fer2013_mini_XCEPTION_102_066.onnx"),
        *("--every", 2, "--resend-seconds", 1, "--min-score", 0.8, "--json", "--out", tmp_path),
    )
    document = json.loads(result.stdout)
    run = document["run"]
    assert (run["detector"], run["scorer"]) == ("yunet", "mini_XCEPTION")
    assert (run["frames"], run["people"], run["resend_seconds"]) == (28, 2, 1.0)
    assert run["crops"] > 2


def test_the_environment_counts_and_an_option_beats_it(facepipe, source, tmp_path, monkeypatch):
    monkeypatch.setenv("FACEPIPE_CAMERA", "from-environment")
    monkeypatch.setenv("FACEPIPE_RESEND_SECONDS", "3")
    result = facepipe("run", source, "--out", tmp_path, "--json", "--resend-seconds", 4)
    run = json.loads(result.stdout)["run"]
    assert (run["camera"], run["resend_seconds"]) == ("from-environment", 4.0)


def test_the_environment_names_the_source(facepipe, source, tmp_path, monkeypatch):
    monkeypatch.setenv("FACEPIPE_SOURCE", str(source))
    run = json.loads(facepipe("run", "--out", tmp_path, "--json").stdout)["run"]
    assert (run["source"], run["camera"]) == (str(source), source.name.replace(" ", "-"))
    monkeypatch.setenv("FACEPIPE_SOURCE", "none.mp4")
    assert facepipe("run", source, "--out", tmp_path).exit_code == 0


def test_the_run_just_made_is_the_one_shown(facepipe, source, tmp_path):
    facepipe("run", source, "--out", tmp_path)
    in_ten_years = datetime.now(timezone.utc) + timedelta(days=3650)
    with Store(tmp_path) as store:
        (first,) = store.runs()
        store.put_run(attrs.evolve(first, started_at=in_ten_years))
    run = json.loads(facepipe("run", source, "--out", tmp_path, "--json").stdout)["run"]
    assert run["run"] != first.run
    assert run["run"] in (tmp_path / "report.html").read_text("utf-8")
    (tmp_path / "report.html").unlink()
    facepipe("report", tmp_path)
    assert f"<code>{run['run']}</code>" in (tmp_path / "report.html").read_text("utf-8")


def test_a_run_that_lost_crops_fails(facepipe, source, tmp_path, monkeypatch):
    monkeypatch.setattr(uploader, "MAX_STOPPING_BACKOFF_SECONDS", 0.01)
    with Store(tmp_path, create=True) as store:
        store._db.execute("CREATE TRIGGER full BEFORE INSERT ON records "
                          "BEGIN SELECT RAISE(ABORT, 'disk full'); END")  # fmt: skip
    result = facepipe("run", source, "--out", tmp_path)
    assert result.exit_code == 1
    assert "Error: 1 crop could not be stored or scored" in result.stderr
    assert "Every crop was lost." in result.stdout
    assert "saved" not in result.stdout


def test_the_words_are_as_wide_as_the_terminal(facepipe, source, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    out = tmp_path / ("long" * 20)
    result = facepipe("run", source, "--out", out)
    (crop,) = out.glob("faces/**/*.jpg")
    assert str(crop) in result.stdout
    told = [line for line in result.stdout.splitlines() if str(out) not in line]
    assert max(len(line.rstrip()) for line in told if "─" not in line) <= 60
    assert "1 frame in" in result.stdout
    assert "1 face, 1 crop of" in " ".join(result.stdout.split())


def test_report_writes_the_page_anew(facepipe, source, tmp_path):
    facepipe("run", source, "--out", tmp_path)
    page = tmp_path / "report.html"
    page.unlink()
    result = facepipe("report", tmp_path)
    assert (result.exit_code, result.stdout) == (0, f"{page}\n")
    assert page.is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["none.mp4"], "no such file or folder; check the path"),
        (["EMPTY"], "holds no images"),
        (["TEXT"], "it is no video that OpenCV can read"),
        (["demo", "--model", "none.onnx"], "none.onnx: No such file or directory; check the path"),
        (["demo", "--model", "TEXT"], "no YuNet model"),
        (["demo", "--emotion-model", "TEXT"], "no expression model"),
        (["demo", "--detector", "yunet"], "--detector yunet needs its model: add --model PATH"),
        (["demo", "--detector", "psychic"], "'psychic' is not one of"),
        (["demo", "--every", "0"], "'--every': 0 is not in the range"),
        (["demo", "--min-score", "2"], "'--min-score': 2.0 is not in the range"),
        (["demo", "--camera", "a/b"], "without a slash"),
        (["demo", "--min-score", "nan"], "min_score must be a number from 0 to 1, not 'nan'"),
        (["demo", "--resend-seconds", "nan"], "resend_seconds must be a number from 0 to 1e+09"),
        (["rtsp://[bad/x"], "cannot read frames from"),
        (["SOURCE", "--out", "TEXT"], "it is a file; name a folder with --out"),
        (["SOURCE", "--out", "/proc/facepipe"], "cannot store anything in /proc/facepipe"),
    ],
)
def test_a_mistake_is_told_in_one_line(facepipe, source, tmp_path, words, message):
    text, empty = tmp_path / "notes.txt", tmp_path / "empty"
    text.write_text("no picture")
    empty.mkdir()
    stand_ins = {"TEXT": text, "EMPTY": empty, "SOURCE": source}
    typed = [stand_ins.get(word, word) for word in words]
    if "--out" not in typed:
        typed += ["--out", tmp_path / "out"]
    assert message in one_line(facepipe("run", *typed))
    assert not (tmp_path / "out").exists()


def test_every_wrong_setting_is_told_at_once(facepipe, source, tmp_path, monkeypatch):
    monkeypatch.setenv("FACEPIPE_MAX_FPS", "fast")
    monkeypatch.setenv("FACEPIPE_RESEND_SECONDS", "-1")
    line = one_line(facepipe("run", source, "--out", tmp_path))
    assert "FACEPIPE_MAX_FPS" in line
    assert "FACEPIPE_RESEND_SECONDS" in line


@pytest.mark.parametrize(
    ("content", "message"), [(None, "first: facepipe run"), (b"rubbish" * 999, "not a database")]
)
def test_report_of_a_folder_that_has_none(facepipe, tmp_path, content, message):
    if content is not None:
        (tmp_path / "records.sqlite").write_bytes(content)
    assert message in one_line(facepipe("report", tmp_path))


def test_check_says_what_is_missing_and_fails(facepipe):
    result = facepipe("check")
    assert result.exit_code == 1
    assert "FACEPIPE_BUCKET" in result.stdout
    assert "missing" in result.stdout
    assert "Problem: FACEPIPE_BUCKET must name" in result.stderr
    assert "FACEPIPE_TABLE" in result.stdout
    assert "rekognize-faces" in result.stdout


def test_check_of_settings_that_make_sense(facepipe, monkeypatch):
    monkeypatch.setenv("FACEPIPE_SOURCE", "0")
    monkeypatch.setenv("FACEPIPE_CROPS_DIR", "deeplens-[faces]")
    monkeypatch.setenv("AWS_IOT_THING_NAME", "hall-3")
    result = facepipe("check")
    assert result.exit_code == 0, result.output
    assert "deeplens-[faces]" in result.stdout
    assert "hall-3 (default)" in result.stdout
    assert "missing" not in result.stdout
    assert "All settings make sense." in result.stdout


def test_check_shows_a_wrong_value(facepipe, monkeypatch):
    monkeypatch.setenv("FACEPIPE_RECORD_DAYS", "soon")
    result = facepipe("check")
    assert result.exit_code == 1
    assert "wrong: soon" in result.stdout
    assert "FACEPIPE_RECORD_DAYS must be a number" in result.stderr


def test_check_warns_of_what_is_no_setting(facepipe, monkeypatch):
    monkeypatch.setenv("FACEPIPE_BUCKET", "faces")
    monkeypatch.setenv("FACEPIPE_SOURCE", "0")
    monkeypatch.setenv("FACEPIPE_MAX_FSP", "5")
    monkeypatch.setenv("FACEPIPE_WEATHER", "fine")
    monkeypatch.setenv("FACEPIPE_AUTOSTART", "0")
    result = facepipe("check")
    assert result.exit_code == 0
    warnings = [line for line in result.stderr.splitlines() if line.startswith("Warning: ")]
    assert "Warning: FACEPIPE_WEATHER is no setting of facepipe" in warnings
    assert (
        "Warning: FACEPIPE_MAX_FSP is no setting of facepipe; did you mean FACEPIPE_MAX_FPS?"
        in warnings
    )
    assert "AUTOSTART" not in result.stderr


def test_check_shows_no_password(facepipe, monkeypatch):
    monkeypatch.setenv("FACEPIPE_BUCKET", "faces")
    monkeypatch.setenv("FACEPIPE_SOURCE", "rtsp://me:hunter2@door.lan/1")
    result = facepipe("check")
    assert "door.lan" in result.stdout
    assert "hunter2" not in result.output


@pytest.mark.parametrize("command", [[], *([name] for name in sorted(cli.main.commands))])
def test_help_has_an_example(facepipe, command):
    result = facepipe(*command, "--help")
    assert result.exit_code == 0
    assert "Example" in result.output
    assert "facepipe " in result.output.partition("Example")[2]


def test_detectors_are_those_that_there_are():
    (option,) = [p for p in cli.main.commands["run"].params if p.name == "detector"]
    assert list(option.type.choices) == DETECTOR_NAMES


def test_without_its_packages_the_command_says_how_to_get_them():
    code = "import sys; sys.modules['click'] = None; import facepipe_io.cli"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "facepipe's command needs the package click: pip install 'facepipe[local]'"
    )


@pytest.mark.parametrize(("package", "extra"), [("plotly", "local"), ("cv2", "headless")])
def test_a_missing_package_is_told_in_one_line(package, extra, source, tmp_path):
    code = f"import sys; sys.modules[{package!r}] = None; from facepipe_io.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "run", str(source), "--out", str(tmp_path / "out")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert (
        f"Error: this needs the package {package}: pip install 'facepipe[{extra}]'" in done.stderr
    )
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
