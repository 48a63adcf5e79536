"""`facepipe cost`: what a person types and is told."""

from __future__ import annotations

import json
import xml.etree.ElementTree

import pytest
from click.testing import CliRunner

pytest.importorskip("matplotlib", reason="local: the extra facepipe[local] is not installed")

from facepipe.costs import MODES, Workload, bill
from facepipe_io import cli
from facepipe_io.local.bill import PRICES_FILE, read_prices
from facepipe_io.local.bill_chart import draw_chart
from tests.facepipe_io.local.test_bill import DEMO, put

PRICES = read_prices()


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Types `facepipe cost` in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def typed(*words):
        return CliRunner().invoke(cli.main, ["cost", *(str(word) for word in words)])

    return typed


def shown(result):
    """The table: what is paid for, to its cells."""
    assert result.exit_code == 0, result.output
    lines = [line.split("  ") for line in result.stdout.splitlines()]
    cells = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    return {cell: row for row in cells for cell in row}


def test_without_anything_it_shows_all_modes_of_a_usual_fleet(run):
    result = run()
    table = shown(result)
    months = [bill(Workload(mode=mode), PRICES) for mode in MODES]
    assert table["in all"] == ["in all", *(f"{month.total:,.2f}" for month in months)]
    assert table["faces scored"][-4:] == ["1.44 M", "1,352.00", "1,352.00", "1,352.00"]
    assert table["instance hours"][-3:] == ["-", "419.75", "419.75"]
    assert "5.0 calls a second, 10 % of the quota of 50, enough for 100" in result.stdout
    assert "Prices of us-east-1, 2026-11, before free tiers and taxes." in result.stdout


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--cameras", "1000000", "--people", "1000000", "--hours", "24"),
        ("--cameras", "0"),
        ("--cameras", "1", "--people", "0", "--mode", "cloud"),
    ],
)
def test_it_fits_into_80_columns_and_leaves_nothing_out(run, words):
    result = run(*words)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" not in result.stdout


def test_what_is_typed_counts(run):
    typed = {
        "--cameras": 3, "--hours": 10, "--days": 20, "--people": 60, "--seconds": 20,
        "--resend-seconds": 5, "--fps": 5, "--moving": 0.5, "--crop-bytes": 9000,
        "--frame-bytes": 90_000, "--peak": 2, "--max-concurrency": 4,
    }  # fmt: skip
    words = [str(word) for pair in typed.items() for word in pair]
    result = run(*words, "--mode", "endpoint", "--json")
    said = json.loads(result.stdout)
    workload = Workload(
        cameras=3, hours=10.0, days=20.0, people_per_hour=60.0, seconds_in_view=20.0,
        resend_seconds=5.0, fps=5.0, moving=0.5, crop_bytes=9000.0, frame_bytes=90_000.0,
        peak=2.0, max_concurrency=4, mode="endpoint",
    )  # fmt: skip
    month = bill(workload, PRICES)
    assert list(said["modes"]) == ["endpoint"]
    assert said["modes"]["endpoint"]["dollars"] == float(month.total)
    assert said["modes"]["endpoint"]["crops"] == month.crops == 3 * 10 * 20 * 60 * 5


def test_every_face_of_every_frame(run):
    words = ("--cameras", 1, "--people", 5, "--seconds", 3600, "--every-face", 1)
    assert shown(run(*words))["faces scored"][-4:-2] == ["4.32 M", "3,656.00"]


def test_a_real_run_says_what_a_camera_sees(run, tmp_path):
    (tmp_path / "out").mkdir()
    put(tmp_path / "out", DEMO)
    result = run("--from-run", "out", "--cameras", 4, "--json")
    said = json.loads(result.stdout)
    assert said["workload"]["crops_per_person"] == 1.5
    assert said["modes"]["edge"]["crops"] == pytest.approx(1.5 * said["modes"]["edge"]["people"])
    said = run("--from-run", "out").stdout
    assert "As in the run 4f9c0a1b, 42 seconds of demo." in said
    assert "Too short to tell of a month: give it 10 minutes and 30 people" in said
    slower = json.loads(run("--from-run", "out", "--resend-seconds", 20, "--json").stdout)
    assert slower["workload"]["crops_per_person"] == 1.25


def test_what_is_too_much_is_told_of(run):
    result = run("--cameras", 400)
    assert result.exit_code == 0
    assert "Too much: The busiest hour asks Rekognition 200.0 times" in result.stdout


def test_another_price_list(run, tmp_path):
    document = json.loads(PRICES_FILE.read_text("utf-8"))
    document.update(region="[bold]moon[/x]", date="2027-01")
    (tmp_path / "moon.json").write_text(json.dumps(document))
    result = run("--prices", "moon.json", "--cameras", 400)
    assert result.exit_code == 0, result.output
    assert "Prices of [bold]moon[/x], 2027-01" in result.stdout


@pytest.mark.parametrize("mode", [None, "cloud"])
def test_the_chart_names_each_line_and_the_quota(run, tmp_path, mode):
    result = run("--chart", "cost.svg", *(() if mode is None else ("--mode", mode)))
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1] == "cost.svg"
    root = xml.etree.ElementTree.parse(tmp_path / "cost.svg").getroot()
    said = " ".join("".join(text.itertext()) for text in root.iter() if text.tag.endswith("text"))
    edge, cloud = (bill(Workload(mode=name), PRICES).total for name in ("edge", "cloud"))
    assert f"${cloud:,.0f}" in said
    assert (f"${edge:,.0f} for 10 cameras" in said) == (mode is None)
    assert ("at the endpoint" in said) == (mode is None)
    assert "on the device" in said
    assert "reached at 100 cameras" in said


def test_the_same_chart_has_the_same_bytes_and_few(run, tmp_path):
    for name in ("one.png", "two.png"):
        assert run("--chart", name).exit_code == 0
    one, two = ((tmp_path / name).read_bytes() for name in ("one.png", "two.png"))
    assert one == two
    assert one.startswith(b"\x89PNG")
    assert len(one) <= 150_000


def test_the_lines_of_the_chart_are_the_bills():
    (axes,) = draw_chart(Workload(), PRICES).axes
    drawn = [line for line in axes.lines if len(line.get_xdata()) > 2]
    assert len(drawn) == len(MODES)
    assert len({(line.get_color(), line.get_linestyle()) for line in drawn}) == len(MODES)
    for mode, line in zip(MODES, drawn):
        for cameras, dollars in list(zip(*line.get_data()))[::20]:
            assert dollars == float(bill(Workload(cameras=int(cameras), mode=mode), PRICES).total)


@pytest.mark.parametrize("people", [0, 1e6])
def test_a_chart_can_do_without_a_quota(people):
    (axes,) = draw_chart(Workload(cameras=0, people_per_hour=people), PRICES).axes
    assert not [text for text in axes.texts if "quota" in text.get_text()]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--cameras", "-1"), "cameras must be a whole number from 0 to 1,000,000, not -1"),
        (("--hours", "25"), "hours must be a number from 0 to 24, not 25.0"),
        (("--moving", "nan"), "moving must be a number from 0 to 1, not nan"),
        (("--prices", "none.json"), "cannot use none.json: No such file or directory; --prices"),
        (("--from-run", "none"), "there is no such file; first: facepipe run SOURCE --out none"),
        (("--chart", "cost.pdf"), "cannot use cost.pdf: a chart is a .png or an .svg; name one"),
        (("--chart", "no/cost.png"), "No such file or directory; make room, or allow writing"),
    ],
)
def test_a_mistake_is_one_line(run, words, said):
    result = run(*words)
    assert result.exit_code == 1
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert said in line


def test_help_has_examples(run):
    result = run("--help")
    assert "facepipe cost --from-run out --cameras 10 --chart cost.png" in result.stdout
    assert "How many there are; 10 by default." in result.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--people", "-5"], "--people must be a number from 0 to 1e+06, not -5.0"),
        (["--hours", "25"], "--hours must be a number from 0 to 24, not 25.0"),
        (["--every-face", "5", "--resend-seconds", "3"], "--every-face is instead of"),
    ],
)
def test_a_mistake_is_told_by_the_options_name(run, words, message):
    result = run(*words)
    assert result.exit_code != 0
    assert f"Error: {message}" in result.stderr
