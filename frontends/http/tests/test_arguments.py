"""What `papin serve` may be asked for; this machine only unless it is said twice."""

import pytest

from papin.errors import ConfigInvalid, Conflict
from papin.frontends import Launch
from papin_http import _serve
from papin_http._arguments import Asked, read
from papin_http.settings import HttpSettings


def asked(*arguments, settings=None):
    return read(Launch(program="papin", arguments=arguments), settings or HttpSettings())


def test_the_default_is_this_machine():
    assert asked() == Asked(host="127.0.0.1", port=7274)


def test_the_command_line_wins_over_the_configuration():
    settings = HttpSettings(port=9000, host="::1", names=("a",))
    assert asked(settings=settings) == Asked(host="::1", port=9000, names=("a",))
    given = asked("--port", "0", "--host", "localhost", "--name", "b", "--offline", settings=settings)
    assert given == Asked(host="127.0.0.1", port=0, names=("a", "b"), offline=True)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "10.0.0.1", "[::]", "8.8.8.8", "::ffff:0.0.0.0"])
def test_other_machines_connect_only_when_that_is_allowed(host):
    with pytest.raises(ConfigInvalid, match="Other machines could connect") as caught:
        asked("--host", host)
    assert "--allow-remote" in caught.value.next_step
    assert asked("--host", host, "--allow-remote").is_remote


def test_allowing_it_alone_changes_nothing():
    assert not asked("--allow-remote").is_remote


@pytest.mark.parametrize("host", ["", "example.org", "127.0.0.1:80", "127.1", "256.0.0.1", "/tmp/socket"])
def test_a_host_is_an_address(host):
    if host:
        with pytest.raises(ConfigInvalid, match="not an address"):
            asked("--host", host)
    else:
        assert asked("--host", host).host == "127.0.0.1"


@pytest.mark.parametrize(
    "arguments", [["--port", "x"], ["--port", "65536"], ["--port", "-1"], ["--nonsense"], ["extra"]]
)
def test_a_wrong_command_line_ends_with_two(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        asked(*arguments)
    assert caught.value.code == 2
    assert "usage: papin serve" in capsys.readouterr().err


def test_what_is_no_port_is_told_without_names_of_functions(capsys):
    with pytest.raises(SystemExit):
        asked("--port", "x")
    assert "argument --port: 'x' is no port: give a number between 0 and 65535" in capsys.readouterr().err


def test_help_says_what_there_is(capsys):
    with pytest.raises(SystemExit) as caught:
        asked("--help")
    assert caught.value.code == 0
    assert "--allow-remote" in capsys.readouterr().out


def test_a_port_in_use_is_a_clear_error():
    with _serve.listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(Conflict, match=f"port {port}") as caught:
            _serve.listen("127.0.0.1", port)
    assert "--port 0" in caught.value.next_step


def test_an_address_that_this_machine_has_not_is_a_clear_error():
    with pytest.raises(ConfigInvalid, match=r"192\.0\.2\.1"):
        _serve.listen("192.0.2.1", 0)


def test_the_hosts_of_a_server():
    assert _serve.hosts("127.0.0.1", 7, ("box",)) == ("localhost:7", "127.0.0.1:7", "[::1]:7", "box:7")
    assert "127.0.0.1" in _serve.hosts("127.0.0.1", 80)
    assert "[2001:db8::1]:7" in _serve.hosts("2001:db8::1", 7)
