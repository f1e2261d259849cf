import pytest

from netwright.frontends.cli.failures import BadFlag
from netwright.frontends.cli.flags import Flag, Kind, Reader, switch

FLAGS = (
    switch("interactive", "", "i"),
    switch("tty", "", "t"),
    switch("sig-proxy", "", default=True),
    Flag("publish", "", Kind.LIST, "p"),
    Flag("name", ""),
    Flag("tail", "", short="n", default="all"),
    Flag("last", "", Kind.NUMBER),
    Flag("network", "", Kind.LIST, also=("net",)),
)
READER = Reader(FLAGS)


@pytest.mark.parametrize(
    "words", [["-p", "80"], ["-p80"], ["-p=80"], ["--publish", "80"], ["--publish=80"], ["-itp", "80"], ["-itp80"]]
)
def test_every_way_to_write_a_value_reads_the_same(words: list[str]) -> None:
    assert READER.read(words).many("publish") == ("80",)


def test_switches_stand_together_behind_one_dash() -> None:
    values = READER.read(["-it"])

    assert values.on("interactive")
    assert values.on("tty")


def test_a_switch_takes_its_value_only_behind_an_equals_sign() -> None:
    values = READER.read(["--tty=false", "--sig-proxy", "false"])

    assert not values.on("tty")
    assert values.on("sig-proxy")
    assert values.arguments == ("false",)


def test_what_was_not_given_has_its_default() -> None:
    values = READER.read([])

    assert values.text("tail") == "all"
    assert values.on("sig-proxy")
    assert not values.given("tail")


def test_two_dashes_end_the_flags() -> None:
    assert READER.read(["a", "--", "--name", "-t"]).arguments == ("a", "--name", "-t")


def test_a_lone_dash_and_an_arrow_are_arguments() -> None:
    assert READER.read(["-", "->"]).arguments == ("-", "->")


def test_flags_may_stand_behind_arguments_unless_the_first_argument_ends_them() -> None:
    words = ["image", "-t", "ls"]

    assert READER.read(words).on("tty")
    assert Reader(FLAGS, mixed=False).read(words).arguments == ("image", "-t", "ls")


def test_another_spelling_is_the_same_flag() -> None:
    assert READER.read(["--net", "back"]).many("network") == ("back",)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--nam"], "unknown flag: --nam (did you mean --name?)"),
        (["--qqq"], "unknown flag: --qqq"),
        (["-tx"], "unknown shorthand flag: 'x' in -tx"),
        (["--name"], "flag needs an argument: --name"),
        (["-tp"], "flag needs an argument: 'p' in -tp"),
        (["--=x"], "bad flag syntax: --=x"),
        (["---name"], "bad flag syntax: ---name"),
        (
            ["--tty=maybe"],
            'invalid argument "maybe" for "-t, --tty" flag: strconv.ParseBool: parsing "maybe": invalid syntax',
        ),
        (
            ["--last", "two"],
            'invalid argument "two" for "--last" flag: strconv.ParseInt: parsing "two": invalid syntax',
        ),
    ],
)
def test_what_cannot_be_read_is_refused_in_dockers_words(words: list[str], message: str) -> None:
    with pytest.raises(BadFlag) as caught:
        READER.read(words)

    assert caught.value.message == message
    assert caught.value.code == 125
