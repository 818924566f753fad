"""The parser of addresses (S21, S22) and the judgement of network addresses."""

from __future__ import annotations

import ipaddress

import pytest

from papin._http._address import is_loopback, is_public, parse_url, shown
from papin.errors import AddressUnsafe, NameInvalid

REFUSED = [
    "",
    "example.org/m.gguf",
    "//example.org/m.gguf",
    "http:///m.gguf",
    "http:/example.org",
    "http://",
    "https://user@example.org/",
    "https://user:secret@example.org/",
    "https://example.org:secret@evil.example/",
    "https://@example.org/",
    "http://a.example\\@b.example/",
    "http:\\\\a.example/",
    "http://a.example/\\x",
    "http://a b.example/",
    "http://a.example/x y",
    "http://a\tb.example/",
    "http://a.example/\nX-Injected: 1",
    "http://a.example/\r\n",
    "http://a.example/\0",
    "http://a.example/\u202e",
    "http://a.example/\u200b",
    "http://a.example:0/",
    "http://a.example:65536/",
    "http://a.example:99999/",
    "http://a.example:b/",
    "http://a.example:-1/",
    "http://a..example/",
    "http://.a.example/",
    "http://-/",
    "http://-a.example/",
    "http://%31%32%37.0.0.1/",
    "http://a.example%2eb/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://017700000001/",
    "http://0177.0.0.1/",
    "http://127.1/",
    "http://127.0.1/",
    "http://1.2.3.4.5/",
    "http://256.0.0.1/",
    "http://a.example.0x7f/",
    "http://a.1/",
    "http://[::1%25eth0]/",
    "http://[fe80::1%25lo]/",
    "http://[::1/",
    "http://[1.2.3.4]/",
    "http://[::1]x/",
    "http://\uff11\uff12\uff17.0.0.1/",
    "http://127\u30020\u30020\u30021/",
    "http://exam\xadple.org/",
    "https://a.example/" + "x" * 9000,
]
OTHER_SCHEMES = [
    "file:///etc/passwd",
    "ftp://a.example/",
    "gopher://a.example/",
    "data:,x",
    "ssh://a.example/",
    "ws://a/",
]


@pytest.mark.parametrize("text", REFUSED)
def test_s22_what_two_parsers_could_understand_differently_is_refused(text):
    with pytest.raises((NameInvalid, AddressUnsafe)) as caught:
        parse_url(text)
    assert "secret" not in caught.value.message
    assert caught.value.next_step


@pytest.mark.parametrize("text", OTHER_SCHEMES)
def test_s21_only_http_and_https(text):
    with pytest.raises((AddressUnsafe, NameInvalid)):
        parse_url(text)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("HTTPS://Example.ORG/A", "https://example.org/A"),
        ("https://example.org", "https://example.org"),
        ("http://example.org:8080/x?y=z", "http://example.org:8080/x?y=z"),
        ("https://example.org/x#fragment", "https://example.org/x"),
        ("http://127.0.0.1:1/x", "http://127.0.0.1:1/x"),
        ("http://[::1]:1/x", "http://[::1]:1/x"),
        ("https://xn--mller-kva.example/", "https://xn--mller-kva.example/"),
        ("https://m\xfcller.example/", "https://xn--mller-kva.example/"),
        ("http://localhost./x", "http://localhost./x"),
    ],
)
def test_what_is_allowed_has_one_form(text, url):
    assert str(parse_url(text)) == url


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
        "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "fe80::1", "fc00::1", "fd00::1", "ff02::1", "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::", "2001:0:a00:1::", "::127.0.0.1", "::10.0.0.1",
    ],
)  # fmt: skip
def test_s22_addresses_that_are_not_public_however_they_are_wrapped(text):
    assert not is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::101:101", "::ffff:1.1.1.1"])
def test_public_addresses(text):
    assert is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_loopback_addresses(text):
    assert is_loopback(ipaddress.ip_address(text))


def test_what_is_shown_has_no_query():
    url = parse_url("https://cdn.example/m.gguf?X-Amz-Signature=secret")
    assert shown(url) == "https://cdn.example/m.gguf"
