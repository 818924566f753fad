"""`papin login` and `papin logout`, at a terminal and in pipes."""

from papin.credentials import Credential

CANARY = "canary-77aa"


def test_a_terminal_does_not_show_what_is_typed(papin):
    terminal = papin.on_terminal("login", "example.org")
    terminal.until("Token for example.org: ")
    terminal.type(f"{CANARY}\n")
    terminal.until("The token for https://example.org is kept in a file that only you can read.")
    assert terminal.end() == 0
    assert CANARY not in terminal.shown
    assert CANARY in (papin.home / "tokens.json").read_text()


def test_from_a_pipe_to_the_list_and_away(papin):
    assert "papin login huggingface.co" in papin("login").out
    assert papin("login", "huggingface.co", "--json", stdin=f"{CANARY}\n").json(Credential).source == "file"
    assert papin("login", "--json").json(list[Credential])[0].origin == "https://huggingface.co"
    shown = papin("login", PAPIN_TOKEN_a_org=CANARY)
    assert shown.out.splitlines()[1:] == [
        "https://a.org           the variable PAPIN_TOKEN_a_org",
        "https://huggingface.co  a file that only you can read",
    ]
    assert papin("logout", "huggingface.co").status == 0
    refused = papin("logout", "huggingface.co")
    assert (refused.status, refused.err.split()[0]) == (1, "ERR_NOT_FOUND")


def test_nothing_to_read_is_no_token(papin):
    refused = papin("login", "huggingface.co", stdin="")
    assert refused.status == 1
    assert "no token was given" in refused.err


def test_a_file_that_others_can_read_is_wrong_usage(papin):
    papin("login", "huggingface.co", stdin=CANARY)
    (papin.home / "tokens.json").chmod(0o644)
    refused = papin("login")
    assert refused.status == 2
    assert "Next: Type: chmod 600" in refused.err
