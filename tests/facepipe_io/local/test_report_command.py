"""`facepipe report`: what is typed, what is written, and what a mistake is told as."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta

import boto3
import pytest
from click.testing import CliRunner

from facepipe.images import encode_jpeg
from facepipe_io import cli
from facepipe_io.local import charts
from facepipe_io.local.summary import summarise
from tests.facepipe_io.local.crowd_data import fill
from tests.facepipe_io.local.table_data import BUCKET, CROPS, FOREIGN, HALL, TABLE
from tests.facepipe_io.local.test_report import Page
from tests.facepipe_io.local.test_store import NOON


@pytest.fixture
def typed(monkeypatch, tmp_path):
    """Types a command in a folder of its own and gives what came of it."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        return CliRunner().invoke(cli.main, ["report", *(str(word) for word in words)])

    return run


def page_of(path):
    return Page(path.read_text("utf-8"))


def mistake(result):
    """The one line that a mistake is told in."""
    assert result.exit_code != 0
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    return line


@pytest.fixture
def stages(tmp_path):
    fill(tmp_path / "a", "stage-a", ["HAPPY"] * 9 + ["SAD"], live=True, source="0")
    fill(
        tmp_path / "b",
        "stage-b",
        ["SAD"] * 9 + ["HAPPY"],
        live=True,
        source="1",
        start=NOON + timedelta(hours=1),
    )
    return tmp_path / "a", tmp_path / "b"


def test_several_folders_stand_side_by_side(typed, stages):
    result = typed(*stages)
    assert (result.exit_code, result.stdout) == (0, f"{stages[0] / 'report.html'}\n")
    assert result.stderr == (
        "stage-a had the happier crowd: 90% of 10 people looked happy, against 10% of 10 at "
        "stage-b.\n"
    )
    page = page_of(stages[0] / "report.html")
    assert "stage-a had the happier crowd 90% of 10 people looked happy, against" in page.words
    assert "Fisher's exact test, two-sided: p = 0.0011" in page.words
    assert page.words.index("90% of 10 looked happy") < page.words.index("10% of 10 looked happy")
    assert "by the clock (UTC)" in page.words
    assert "20 out of a and b" in page.words
    assert {"side0", "side1"} <= page.ids
    assert page.words.count("The crop was deleted") == 20
    assert not (stages[1] / "report.html").exists()


def test_of_one_folder_the_latest_run_leads_and_all_stand_beside_it(typed, tmp_path):
    fill(tmp_path / "out", "stage-a", ["HAPPY"] * 9 + ["SAD"])
    fill(tmp_path / "out", "stage-b", ["SAD"] * 9 + ["HAPPY"], run="bbbb")
    assert typed().exit_code == 0, "out is the folder by default"
    page = page_of(tmp_path / "out" / "report.html")
    assert "9 of 10 people looked sad" in page.words
    assert "What it took" in page.words
    assert "stage-a had the happier crowd: 90% of 10" in page.words
    assert "from the start of each recording" in page.words
    assert {"curve", "side0", "side1"} <= page.ids
    assert page.tags.count("h3") == 10 + 2, "people are those of the latest run"
    assert typed("out", "--all", "--out", "all.html").exit_code == 0
    assert page_of(tmp_path / "all.html").tags.count("h3") == 20 + 2
    assert typed("out", "--run", "bbbb", "--out", "one.html").exit_code == 0
    alone = page_of(tmp_path / "one.html")
    assert "9 of 10 people looked sad" in alone.words
    assert "Side by side" not in alone.words


def test_runs_that_are_named_stand_side_by_side_whatever_their_camera(typed, tmp_path):
    for number, moods in enumerate((["HAPPY"] * 9, ["SAD"] * 9, ["CALM"])):
        begun = NOON + timedelta(hours=number)
        fill(tmp_path / "out", "hall", moods, run=f"aaa{number}", start=begun)
    result = typed("out", "--run", "aaa0", "--run", "aaa1", "--json")
    document = json.loads(result.stdout)
    assert [side["runs"] for side in document["side_by_side"]["sides"]] == [["aaa0"], ["aaa1"]]
    assert document["side_by_side"]["by"] == "run"
    assert document["side_by_side"]["answer"].startswith(
        "hall, 20 November 2026, 12:00 UTC had the happier crowd: 100% of 9"
    )
    together = json.loads(
        typed("out", "--run", "aaa0", "--run", "aaa1", "--by", "camera", "--json").stdout
    )
    (side,) = together["side_by_side"]["sides"]
    assert (side["runs"], side["people"]) == (["aaa0", "aaa1"], 18)
    again = json.loads(typed("out", "--json").stdout)
    assert again["side_by_side"]["sides"][0]["runs"] == ["aaa2"], "one recording counts once"
    assert (
        "2 earlier runs of a recording that was run again"
        not in page_of(tmp_path / "out/report.html").words
    )


def test_a_run_is_found_in_whichever_folder_it_is(typed, stages):
    assert typed(*stages, "--run", "stageb").exit_code == 0
    page = page_of(stages[0] / "report.html")
    assert "9 of 10 people looked sad" in page.words
    assert "What it took" in page.words


def test_of_many_people_some_of_each_crowd_are_shown(typed, tmp_path):
    fill(tmp_path / "out", "hall", ["HAPPY"] * 50)
    fill(tmp_path / "out", "door", ["HAPPY"] * 40)
    fill(tmp_path / "out", "gate", ["HAPPY"] * 3)
    assert typed("out", "--all").exit_code == 0
    page = page_of(tmp_path / "out/report.html")
    assert "The last 60 of 93 people are shown, some of each crowd." in page.words
    shown = [page.words.count(f" {camera} · ") for camera in ("hall", "door", "gate")]
    assert shown == [29, 28, 3]
    assert "No telling which crowd was happier 100% looked happy of" in page.words


def test_nobody_at_all(typed, tmp_path):
    fill(tmp_path / "out", "hall", [], crops=3)
    fill(tmp_path / "out", "door", [])
    assert typed("out", "--all").exit_code == 0
    page = page_of(tmp_path / "out/report.html")
    assert "Nobody was seen" in page.words
    assert "Side by side" not in page.words
    assert "script" not in page.tags


def test_so_many_crops_are_drawn_in_part_and_not_listed(typed, stages, monkeypatch):
    monkeypatch.setattr(charts, "SHOWN_DOTS", 4)
    monkeypatch.setattr("facepipe_io.local.report.SHOWN_ROWS", 9)
    assert typed(stages[0]).exit_code == 0
    page = page_of(stages[0] / "report.html")
    assert "of so many, some are drawn" in page.words
    assert "facepipe report --csv FILE" in page.words


def test_only_what_fits_counts(typed, stages):
    result = typed(
        *stages, "--since", "2026-11-20T13:00:50", "--until", "2026-11-20T14:01:20+01:00", "--json"
    )
    document = json.loads(result.stdout)
    assert [person["track"] for person in document["people"]] == [5, 6, 7]
    assert {person["camera"] for person in document["people"]} == {"stage-b"}
    page = page_of(stages[0] / "report.html")
    assert "only since 2026-11-20T13:00:50.000Z, before 2026-11-20T13:01:20.000Z" in page.words
    assert "All 3 people looked sad" in page.words
    result = typed(*stages, "--camera", "stage-a", "--camera", "stage-c", "--json")
    assert len(json.loads(result.stdout)["people"]) == 10
    assert result.stderr == "Warning: no crop of camera stage-c fits\n"


def test_json_of_one_run_has_what_a_run_prints_and_more(typed, stages):
    document = json.loads(typed(stages[0], "--json").stdout)
    assert document["run"]["camera"] == "stage-a"
    expected = json.loads(json.dumps(summarise(stages[0]).as_json()))
    assert {name: document[name] for name in expected} == expected
    assert document["report"] == str(stages[0] / "report.html")
    assert document["side_by_side"]["answer"] is None
    assert set(document) - set(expected) == {
        "report", "runs", "selection", "side_by_side", "skipped", "source"
    }  # fmt: skip


def test_csv_goes_to_a_file_or_is_all_that_is_printed(typed, stages, tmp_path):
    result = typed(*stages, "--csv", "crops.csv")
    assert result.stdout == f"{stages[0] / 'report.html'}\n"
    text = (tmp_path / "crops.csv").read_text("utf-8")
    printed = typed(*stages, "--csv", "-")
    assert printed.stdout == text
    assert str(stages[0] / "report.html") in printed.stderr
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["camera"] for row in rows] == ["stage-a"] * 10 + ["stage-b"] * 10
    assert (rows[0]["HAPPY"], rows[0]["CALM"], rows[0]["person"]) == ("80.00", "15.00", "1")
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["none"], "first: facepipe run SOURCE --out none"),
        (["a", "--table", "t"], "--table NAME is instead of DIR"),
        (["a", "--bucket", "b"], "--bucket goes with --table"),
        (["a", "--all", "--run", "x"], "--all is of one DIR"),
        (["a", "--csv", "-", "--json"], "--csv - and --json both print"),
        (["a", "--since", "soon"], "'soon' is no time; write it like 2026-11-20"),
        (["a", "--since", "2026-11-21", "--until", "2026-11-20"], "--since must be before --until"),
        (["a", "--since", "2027-01-01"], "it has no crop since 2027-01-01T00:00:00.000Z; it has"),
        (["a", "--camera", "roof"], "it has no crop of camera roof; it has those of stage-a"),
        (["a", "--run", "zzzz"], "it has no run zzzz; there are stagea"),
        (["a", "--out", "none/x.html"], "none/x.html: No such file or directory"),
        (["a", "--csv", "none/x.csv"], "none/x.csv: No such file or directory"),
        (["a", "--out", "b"], "'b' is a directory"),
    ],
)
def test_a_mistake_is_told_in_one_line(typed, stages, words, message):
    assert message in mistake(typed(*words))


def test_help_has_examples_and_says_which_rights_it_takes(typed):
    said = " ".join(typed("--help").stdout.split())
    for part in (
        "facepipe report stage-a stage-b",
        "dynamodb:Scan",
        "dynamodb:Query",
        "s3:GetObject",
        "AWS_ENDPOINT_URL",
    ):
        assert part in said


def test_a_table_is_reported_on_without_pictures(typed, aws, tmp_path):
    result = typed("--table", TABLE)
    assert (result.exit_code, result.stdout) == (0, "report.html\n"), result.output
    assert f"Warning: {len(FOREIGN)} records left out" in result.stderr
    page = page_of(tmp_path / "report.html")
    assert page.images == []
    assert "The crop was deleted" not in page.words
    assert f"{len(CROPS)} crops scored" in page.words
    assert "Amazon Rekognition says what a face looks like" in page.words
    assert "2 records of the table are none of facepipe's" in page.words
    assert "Too few people to say which crowd was happier" in page.words


def test_pictures_come_from_the_bucket_and_those_that_expired_are_gone(
    typed,
    aws,
    portraits,
    tmp_path,
):
    jpeg = encode_jpeg(portraits["collins"][:300, 80:400])
    aws[1].put_object(Bucket=BUCKET, Key=HALL[2].key, Body=jpeg)
    result = typed("--table", TABLE, "--bucket", BUCKET, "--camera", "hall", "--json")
    document = json.loads(result.stdout)
    assert [person["dominant"] for person in document["people"]] == ["HAPPY", "CALM", "HAPPY"]
    assert document["source"] == f"table {TABLE}"
    page = page_of(tmp_path / "report.html")
    assert "2 of 3 people looked happy" in page.words
    assert [image["alt"] for image in page.images] == ["Best crop of person 2, who looks calm"]
    assert page.words.count("The crop was deleted") == 2


def test_what_aws_refuses_is_one_line(typed, aws, monkeypatch):
    assert "`terraform output -raw table` tells" in mistake(typed("--table", "another"))
    assert "check its name" in mistake(typed("--table", TABLE, "--bucket", "no-such-bucket"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nowhere")
    assert "boto3 cannot make a client" in mistake(typed("--table", TABLE))
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    assert "AWS_DEFAULT_REGION must be set" in mistake(typed("--table", TABLE))


def test_the_rows_do_not_take_the_pages_place(typed, stages):
    result = typed(stages[0], "--csv", stages[0] / "report.html")
    assert "--csv names the page's own file" in mistake(result)
    assert not (stages[0] / "report.html").exists()
