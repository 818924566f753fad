"""Which proxy the environment asks for."""

from __future__ import annotations

import httpx
import pytest

from papin._http._proxies import proxy_for

P = "http://proxy:3128"


@pytest.mark.parametrize(
    ("url", "environ", "proxy"),
    [
        ("http://a.example/", {}, ""),
        ("http://a.example/", {"HTTP_PROXY": P}, P),
        ("http://a.example/", {"http_proxy": P, "HTTP_PROXY": "http://other"}, P),
        ("https://a.example/", {"HTTP_PROXY": P}, ""),
        ("https://a.example/", {"HTTPS_PROXY": P}, P),
        ("https://a.example/", {"ALL_PROXY": P}, P),
        ("http://a.example/", {"HTTP_PROXY": P, "REQUEST_METHOD": "GET"}, ""),
        ("http://localhost/", {"ALL_PROXY": P}, ""),
        ("http://127.0.0.1/", {"ALL_PROXY": P}, ""),
        ("http://[::1]/", {"ALL_PROXY": P}, ""),
        ("https://a.example/", {"ALL_PROXY": P, "NO_PROXY": "*"}, ""),
        ("https://a.example/", {"ALL_PROXY": P, "NO_PROXY": "x, A.example"}, ""),
        ("https://b.a.example/", {"ALL_PROXY": P, "NO_PROXY": "a.example"}, ""),
        ("https://b.a.example/", {"ALL_PROXY": P, "NO_PROXY": ".a.example"}, ""),
        ("https://b.a.example/", {"ALL_PROXY": P, "NO_PROXY": "*.a.example"}, ""),
        ("https://ba.example/", {"ALL_PROXY": P, "NO_PROXY": "a.example"}, P),
        ("https://a.example:8443/", {"ALL_PROXY": P, "NO_PROXY": "a.example:8443"}, ""),
        ("https://a.example:8444/", {"ALL_PROXY": P, "NO_PROXY": "a.example:8443"}, P),
        ("http://10.1.2.3/", {"ALL_PROXY": P, "NO_PROXY": "10.0.0.0/8"}, ""),
        ("http://11.1.2.3/", {"ALL_PROXY": P, "NO_PROXY": "10.0.0.0/8,garbage"}, P),
        ("http://10.1.2.3:80/", {"ALL_PROXY": P, "NO_PROXY": "10.1.2.3"}, ""),
    ],
)
def test_proxy_for(url, environ, proxy):
    assert proxy_for(httpx.URL(url), environ) == proxy
