"""What README, CONTRIBUTING and the guides tell people to type, and to write into files.

Their `pycon` blocks are run as doctests; see pyproject.toml.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import json
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import attrs
import click
import pytest

import facepipe
from facepipe_io.cli import main
from facepipe_io.cloud.settings import ScorerSettings
from facepipe_io.edge.settings import DeviceSettings

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCED = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def blocks(language=""):
    """(page, text) of each fenced block of a language; without one, of those that name none."""
    return [
        pytest.param(match.group(3), id=f"{page.name}:{line_of(page, match)}")
        for page in PAGES
        for match in FENCED.finditer(page.read_text("utf-8"))
        if match.group(2) == language
    ]


def line_of(page, match):
    return page.read_text("utf-8").count("\n", 0, match.start()) + 1


def commands(text):
    """Each command of a block or of a sentence, split into words, without what is around it."""
    for line in text.replace("\\\n", " ").splitlines():
        try:
            words = shlex.split(line, comments=True)
        except ValueError:  # no line of a shell
            continue
        while words and re.fullmatch(r"[A-Z_0-9]+=.*|sudo|time|\$", words[0]):
            words = words[1:]
        ends = [i for i, word in enumerate(words) if word in ("|", "&&", ">", ";", "&")]
        if words:
            yield words[: ends[0]] if ends else words


def all_commands():
    """Of all pages, once each: those of blocks, and those in the middle of a sentence."""
    found = {}
    for page in PAGES:
        text = page.read_text("utf-8")
        inline = re.findall(r"`([^`\n]+)`", FENCED.sub("", text))
        for part in [match.group(3) for match in FENCED.finditer(text)] + inline:
            for words in commands(part):
                found.setdefault(tuple(words), page.name)
    return found


def those_of(*programs):
    return [
        pytest.param(words[1:], id=f"{page}: {' '.join(words)}"[:100])
        for words, page in all_commands().items()
        if re.sub(r"^.*/", "", words[0]) in programs
    ]


@pytest.mark.parametrize("words", those_of("facepipe"))
def test_the_command_has_the_subcommand_and_its_options(words):
    command = main
    context = click.Context(main, info_name="facepipe")
    words = list(words)
    while isinstance(command, click.Group) and words and words[0][0] != "-":
        name = words.pop(0)
        command = command.commands.get(name)
        assert command is not None, f"there is no command {name}"
        context = click.Context(command, info_name=name, parent=context, resilient_parsing=True)
    options = {
        name: p for p in command.get_params(context) for name in (*p.opts, *p.secondary_opts)
    }
    for place, word in enumerate(words):
        if word.startswith("-"):
            name, _, value = word.partition("=")
            assert name in options, f"{command.name} has no option {name}"
            option = options[name]
            if isinstance(option.type, click.Choice) and not option.is_flag:
                option.type.convert(value or words[place + 1], option, context)


@pytest.mark.parametrize("words", those_of("make"))
def test_make_has_the_target(words):
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = re.findall(r"^([\w.$()/-]+):", makefile, re.MULTILINE)
    words = words[2:] if words[:1] == ("-C",) else words
    asked = [word for word in words if "=" not in word]
    assert set(asked) <= {target.replace("$(VENV)", ".venv") for target in targets}
    for word in words:
        if "=" in word:
            assert re.search(
                rf"\b{word.partition('=')[0]}\b", (ROOT / "Makefile").read_text("utf-8")
            )


@pytest.mark.parametrize("words", those_of("python", "python3"))
def test_python_has_what_it_is_to_run(words):
    if words[:1] == ("-m",):
        assert importlib.util.find_spec(words[1])
    elif words and words[0].endswith(".py"):
        assert (ROOT / words[0]).is_file()


@pytest.mark.parametrize("words", those_of("pip"))
def test_pip_is_asked_for_extras_that_there_are(words):
    setup = (ROOT / "setup.cfg").read_text("utf-8")
    for extra in re.findall(r"\[([\w,]+)\]", " ".join(words)):
        assert all(re.search(rf"^{name} =$", setup, re.MULTILINE) for name in extra.split(","))


@pytest.mark.parametrize("text", blocks("json"))
def test_json_is_json(text):
    json.loads(text)


def terraform_blocks():
    return [block for block in blocks() if re.match(r" *[a-z_]+ += ", block.values[0])]


@pytest.mark.parametrize("text", terraform_blocks())
def test_terraform_s_variables_are_variables(text):
    declared = {
        name
        for path in (ROOT / "terraform").glob("*.tf")
        for name in re.findall(r'^variable "(\w+)"', path.read_text("utf-8"), re.MULTILINE)
    }
    assert set(re.findall(r"^([a-z_]+) += ", text, re.MULTILINE)) <= declared
    terraform = shutil.which("terraform")
    if terraform is None:
        pytest.skip("terraform: it is not installed")
    done = subprocess.run([terraform, "fmt", "-"], input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_setting_of_the_pages_is_one():
    known = {
        field.metadata["env"]
        for settings in (DeviceSettings, ScorerSettings)
        for field in attrs.fields(settings)
    }
    sources = [*ROOT.glob("*.py"), ROOT / "Makefile", *(ROOT / "tests").glob("*.py")]
    others = {
        name
        for path in sources
        for name in re.findall(r"FACEPIPE_[A-Z_]+", path.read_text("utf-8"))
    }
    for page in PAGES:
        named = set(re.findall(r"\bFACEPIPE_[A-Z_]+\b", page.read_text("utf-8")))
        assert named <= known | others, page.name


def test_every_link_between_pages_leads_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)]+)\)", FENCED.sub("", page.read_text("utf-8"))):
            name, _, anchor = target.partition("#")
            if "://" in name:
                continue
            there = page if not name else page.parent / name
            assert there.exists(), f"{page.name}: {target}"
            if anchor:
                titles = re.findall(r"^#+ (.*)$", there.read_text("utf-8"), re.MULTILINE)
                slugs = {
                    re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles
                }
                assert anchor in slugs, f"{page.name}: {target}"


FUNCTIONS = [name for name in facepipe._HOME if inspect.isfunction(getattr(facepipe, name))]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_says_what_it_takes_and_raises_and_has_an_example(name):
    function = getattr(facepipe, name)
    text = inspect.getdoc(function)
    assert ">>> " in text
    parameters = inspect.signature(function).parameters
    if len(parameters) > 1:  # of one, the first line tells
        documented = re.findall(r"^    (\w+): ", text.partition("Args:\n")[2], re.MULTILINE)
        assert set(parameters) <= set(documented)
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            error = getattr(node.exc.func, "id", "")
            assert not error.endswith("Error") or f"{error}: " in text


def test_the_pages_of_the_library_have_every_name(tmp_path):
    command = [sys.executable, ROOT / "tools" / "docs.py", tmp_path / "docs"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "ArrayLike" in (tmp_path / "docs" / "facepipe" / "boxes.html").read_text("utf-8")
