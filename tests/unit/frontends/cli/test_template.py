import pytest

from netwright.frontends.cli.template import compile_template
from netwright.frontends.cli.template.nodes import TemplateFailed, Value

CONTAINER: Value = {
    "Id": "abc",
    "Name": "/web",
    "State": {"Running": True, "ExitCode": 0, "Health": None},
    "Config": {"Env": ["A=1", "B=2"], "Labels": {"a.b": "c"}},
    "NetworkSettings": {
        "IPAddress": "172.17.0.2",
        "Ports": {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}], "90/udp": None},
        "Networks": {"bridge": {"IPAddress": "172.17.0.2"}, "back": {"IPAddress": "10.9.0.2"}},
    },
    "Size": 1.5,
}


def rendered(source: str, value: Value = CONTAINER) -> str:
    return compile_template(source).render(value)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{.Name}}", "/web"),
        ("a {{ .Name }} b", "a /web b"),
        ("{{.ID}}", "abc"),
        ("{{.State.Running}} {{.State.ExitCode}} {{.Size}}", "true 0 1.5"),
        ("{{.NetworkSettings.IPAddress}}", "172.17.0.2"),
        ("{{json .State}}", '{"Running":true,"ExitCode":0,"Health":null}'),
        ("{{.State | json}}", '{"Running":true,"ExitCode":0,"Health":null}'),
        ("{{.Config.Env}} {{.Config.Labels}}", "[A=1 B=2] map[a.b:c]"),
        ("{{.State.Health}}", "<no value>"),
        ('{{index .Config.Labels "a.b"}}', "c"),
        ('{{index .Config.Labels "none"}}', "<no value>"),
        ("{{index .Config.Env 1}}", "B=2"),
        ('{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}', "8080"),
        ("{{range .Config.Env}}{{.}};{{end}}", "A=1;B=2;"),
        ("{{range $i, $e := .Config.Env}}{{$i}}{{$e}} {{end}}", "0A=1 1B=2 "),
        (
            "{{range $k, $v := .NetworkSettings.Networks}}{{$k}}={{$v.IPAddress}} {{end}}",
            "back=10.9.0.2 bridge=172.17.0.2 ",
        ),
        ("{{range .NetworkSettings.Networks}}{{.IPAddress}} {{$.Name}} {{end}}", "10.9.0.2 /web 172.17.0.2 /web "),
        ("{{range .Missing}}x{{else}}none{{end}}", "none"),
        ('{{range .Config.Env}}{{if eq . "B=2"}}{{break}}{{end}}{{.}}{{end}}', "A=1"),
        ('{{range .Config.Env}}{{if eq . "A=1"}}{{continue}}{{end}}{{.}}{{end}}', "B=2"),
        ("{{if .State.Running}}up{{else}}down{{end}}", "up"),
        ("{{if .State.Health}}a{{else if .State.ExitCode}}b{{else}}c{{end}}", "c"),
        ("{{if and .State.Running (not .State.ExitCode)}}yes{{end}}", "yes"),
        ("{{if or .Missing .Name}}yes{{end}}", "yes"),
        ("{{with .State}}{{.ExitCode}}{{end}}", "0"),
        ("{{with $x := .Name}}{{$x}}{{end}}", "/web"),
        ('{{$x := .Name}}{{$x = "b"}}{{$x}}', "b"),
        ('{{printf "%-5s|%5d|%q|%v|%%" "ab" 7 "c" .State.Running}}', 'ab   |    7|"c"|true|%'),
        ('{{join .Config.Env ","}} {{upper "a"}} {{lower "B"}} {{title "cd"}} {{len .Config.Env}}', "A=1,B=2 A b Cd 2"),
        ('{{range split "a,b" ","}}<{{.}}>{{end}}', "<a><b>"),
        ('{{slice "abcdef" 1 3}}', "bc"),
        ('{{if lt .State.ExitCode 1}}{{if ge 2 2}}{{if ne "a" "b"}}ok{{end}}{{end}}{{end}}', "ok"),
        ("a {{- .Name -}} b", "a/webb"),
        ("{{/* nothing */}}x", "x"),
        ('{{println "a" 1}}', "a 1\n"),
        ('{{"a\\tb"}} {{`c\\d`}}', "a\tb c\\d"),
        ('{{"}}"}}', "}}"),
    ],
)
def test_a_template_prints_what_go_prints(source: str, text: str) -> None:
    assert rendered(source) == text


def test_a_field_may_be_asked_with_an_argument() -> None:
    assert rendered('{{.Label "a"}}', {"Label": lambda key: f"<{key}>"}) == "<a>"


def test_fields_that_are_asked_are_left_out_of_json() -> None:
    assert rendered("{{json .}}", {"A": "b", "Label": lambda key: key}) == '{"A":"b"}'


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{{.Nam}}", 'map has no entry for key "Nam" (did you mean .Name?)'),
        ("{{.Name.First}}", "can't evaluate field First"),
        ("{{.Name", "unclosed action"),
        ("{{if .Name}}x", "{{if}} without {{end}}"),
        ("x{{end}}", "unexpected {{end}}"),
        ("{{foo .Name}}", 'function "foo" not defined'),
        ("{{}}", "missing value"),
        ("{{.Name | }}", "missing value"),
        ("{{(.Name}}", "unclosed left paren"),
        ("{{.Name %}}", "unexpected '%'"),
        ("{{$x}}", "undefined variable '$x'"),
        ("{{range .Name}}{{end}}", "range can't iterate over /web"),
        ("{{.Name 1}}", "can't give argument to non-function .Name"),
        ("{{index .Config.Env 9}}", "index out of range: 9"),
        ("{{len 3}}", "3 has no length"),
        ("{{json}}", "wrong number of arguments"),
        ("{{break}}", "outside of {{range}}"),
    ],
)
def test_what_is_wrong_with_a_template_is_said(source: str, reason: str) -> None:
    with pytest.raises(TemplateFailed) as caught:
        rendered(source)

    assert reason in caught.value.message
    assert caught.value.message.startswith("template parsing error: ")
