from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepipe_io.errors import SettingsError
from facepipe_io.settings import load, number, one_of, positive, positive_int, setting


@attrs.frozen
class Settings:
    name: str = setting("NAME", help="a name", default="nobody")
    score: float = setting("SCORE", help="a score", default=0.5, parse=number(0, 1))
    rate: float = setting("RATE", help="a rate", default=15.0, parse=positive)
    count: int = setting("COUNT", help="a count", default=3, parse=positive_int)
    colour: str = setting("COLOUR", help="a colour", default="red", parse=one_of("red", "blue"))

    def __attrs_post_init__(self) -> None:
        if self.name == self.colour:
            raise SettingsError(["NAME and COLOUR must differ"])


def test_defaults_hold_where_nothing_is_given():
    assert load(Settings, {}) == Settings("nobody", 0.5, 15.0, 3, "red")


def test_the_environment_is_read():
    environ = {"NAME": "x", "SCORE": "1", "RATE": " 2.5 ", "COUNT": "7", "COLOUR": "blue"}
    assert load(Settings, environ) == Settings("x", 1.0, 2.5, 7, "blue")


def test_an_argument_beats_the_environment_and_none_is_no_argument():
    assert load(Settings, {"NAME": "env", "RATE": "2"}, name="arg", rate=None).name == "arg"
    assert load(Settings, {"RATE": "2"}, rate=None).rate == 2.0
    assert load(Settings, {"RATE": "rubbish"}, rate=4.0).rate == 4.0


def test_a_setting_is_told_of_once():
    @attrs.frozen
    class Needed:
        score: float = setting("SCORE", help="a score", parse=number(0, 1))

        def __attrs_post_init__(self) -> None:
            if self.score is None:
                raise SettingsError(["SCORE must be given"])

    with pytest.raises(SettingsError) as caught:
        load(Needed, {"SCORE": "2"})
    assert caught.value.problems == ("SCORE must be a number from 0 to 1, not '2'",)
    with pytest.raises(SettingsError, match="SCORE must be given"):
        load(Needed, {})


@pytest.mark.parametrize(
    ("name", "value"),
    [("score", float("nan")), ("score", 2), ("rate", 0), ("rate", float("inf")), ("count", 1.5)],
)
def test_an_argument_is_checked_as_the_environment_is(name, value):
    with pytest.raises(SettingsError, match=f"^{name} must be .*, not '{value}'$"):
        load(Settings, {}, **{name: value})


@given(st.floats(0, 1), st.floats(min_value=1e-300, max_value=1e300), st.integers(1, 10**30))
def test_a_good_argument_is_kept_as_it_is(score, rate, count):
    settings = load(Settings, {}, score=score, rate=rate, count=count)
    assert (settings.score, settings.rate, settings.count) == (score, rate, count)


@pytest.mark.parametrize("empty", ["", "  "])
def test_a_variable_that_is_empty_is_not_set(empty):
    assert load(Settings, {"SCORE": empty}) == Settings()


def test_every_problem_is_told_at_once():
    environ = {"NAME": "red", "SCORE": "1.5", "RATE": "-1", "COUNT": "2.5", "COLOUR": "green"}
    with pytest.raises(SettingsError) as caught:
        load(Settings, environ)
    assert caught.value.problems == (
        "SCORE must be a number from 0 to 1, not '1.5'",
        "RATE must be a number greater than 0, not '-1'",
        "COUNT must be a whole number greater than 0, not '2.5'",
        "COLOUR must be one of red, blue, not 'green'",
        "NAME and COLOUR must differ",
    )


@given(st.text())
def test_nothing_but_a_settings_error_comes_of_any_text(text):
    for name in ("SCORE", "RATE", "COUNT", "COLOUR"):
        try:
            settings = load(Settings, {name: text})
        except SettingsError as error:
            assert name in str(error)
        else:
            assert 0 <= settings.score <= 1
            assert 0 < settings.rate < float("inf")
            assert settings.count > 0
