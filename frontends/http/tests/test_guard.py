"""Nothing on the web drives the API, and no other program does without the token (S14 to S18)."""

import pytest
from litestar.routes import HTTPRoute

from papin_http._guard import BODY_LIMIT, OPEN

from .client import Client
from .conftest import TOKEN, built, serving

API = "/api/v1"


def every_route(*, parameter="smollm2"):
    """Return (method, path) of all routes, read from the router itself."""
    routes = built().routes
    return sorted(
        (method, "".join(part if isinstance(part, str) else parameter for part in split(route)))
        for route in routes
        if isinstance(route, HTTPRoute)
        for method in route.methods
        if method != "OPTIONS"
    )


def split(route):
    for part in route.path_components:
        yield "/"
        yield part


def test_the_router_has_the_routes_that_are_promised():
    found = {path for _, path in every_route()}
    promised = ["models", "models/installed", "models/smollm2/chat", "downloads", "events", "openapi.json", "storage"]
    assert {f"{API}/{path}" for path in promised} | OPEN <= found


async def test_every_route_needs_the_token_but_the_open_ones(kernel):
    async with serving(kernel) as (client, _):
        for method, path in every_route():
            for token in (None, "", "wrong", TOKEN[:-1], f"{TOKEN}x", TOKEN.upper()):
                answer = await Client(client.port, token).ask(method, path)
                if path in OPEN:
                    assert answer.status == 200, path
                else:
                    assert (answer.status, answer.json()["code"]) == (401, "ERR_TOKEN"), (method, path, token)
                    assert answer.headers["www-authenticate"] == "Bearer"
    assert not kernel.downloads.asked
    assert not kernel.models.asked


async def test_when_other_machines_may_connect_nothing_is_open(kernel):
    async with serving(kernel, is_remote=True) as (client, _):
        for method, path in every_route():
            assert (await Client(client.port, None).ask(method, path)).status == 401, path
        assert (await client.ask("GET", "/health")).status == 200


@pytest.mark.parametrize(
    "given", ["Basic dDp0", f"bearer {TOKEN}", f"Bearer  {TOKEN}", TOKEN, f"Bearer {TOKEN}, Bearer {TOKEN}", "Bearer"]
)
async def test_only_the_exact_authorization_is_one(client, given):
    assert (await client.ask("GET", f"{API}/models", Authorization=given)).status == 401


async def test_two_authorizations_are_none(client):
    head = client.head("GET", f"{API}/models", {}, 0)
    line = f"Authorization: Bearer {TOKEN}\r\n".encode()
    assert (await client.raw(head.replace(line, line + line))).status == 401


GOOD_HOSTS = ["127.0.0.1:{port}", "localhost:{port}", "[::1]:{port}"]
BAD_HOSTS = [
    "evil.com",
    "evil.com:{port}",
    "127.0.0.1.evil.com:{port}",
    "localhost.evil:{port}",
    "localhost.evil.com:{port}",
    "evil-localhost:{port}",
    "0.0.0.0:{port}",
    "[::]:{port}",
    "[::ffff:127.0.0.1]:{port}",
    "[0:0:0:0:0:0:0:1]:{port}",
    "::1:{port}",
    "10.0.0.1:{port}",
    "192.168.1.1:{port}",
    "127.0.0.2:{port}",
    "127.1:{port}",
    "2130706433:{port}",
    "0x7f.0.0.1:{port}",
    "0177.0.0.1:{port}",
    "papin.local:{port}",
    "papin.internal:{port}",
    "",
    ":{port}",
    "localhost",
    "127.0.0.1",
    "127.0.0.1:1",
    "127.0.0.1:{port}0",
    "127.0.0.1:0{port}",
    "127.0.0.1:{port}:1",
    "localhost.:{port}",
    "LOCALHOST:{port}",
    "user@localhost:{port}",
    "localhost:{port}@evil.com",
    "localhost:{port}/",
    "localhost:{port},evil.com",
]


@pytest.mark.parametrize("host", GOOD_HOSTS)
async def test_our_own_hosts_are_let_through(client, host):
    assert (await client.ask("GET", "/health", Host=host.format(port=client.port))).status == 200


@pytest.mark.parametrize("host", BAD_HOSTS)
async def test_no_other_host_is_answered_whatever_the_token(client, host):
    for path in ("/health", f"{API}/models"):
        answer = await client.ask("GET", path, Host=host.format(port=client.port))
        assert (answer.status, answer.json()["code"]) == (421, "ERR_HOST")


async def test_a_request_names_its_host_once_and_not_in_its_target(client):
    ours = f"127.0.0.1:{client.port}"
    for head, status in (
        (f"GET /health HTTP/1.0\r\nAuthorization: Bearer {TOKEN}\r\n\r\n", 421),
        ("GET /health HTTP/1.1\r\n\r\n", 400),
        (f"GET /health HTTP/1.1\r\nHost: {ours}\r\nHost: {ours}\r\n\r\n", 400),
        (f"GET /health HTTP/1.1\r\nHost: {ours}\r\nHost: evil.com\r\n\r\n", 400),
        (f"GET http://evil.com/health HTTP/1.1\r\nHost: {ours}\r\n\r\n", 400),
        (f"GET http://{ours}/health HTTP/1.1\r\nHost: {ours}\r\n\r\n", 400),
        (f"OPTIONS * HTTP/1.1\r\nHost: {ours}\r\n\r\n", 400),
        (f"CONNECT evil.com:443 HTTP/1.1\r\nHost: {ours}\r\n\r\n", 400),
    ):
        assert (await client.raw(head.encode())).status == status, head


async def test_a_configured_name_is_a_good_host(kernel):
    async with serving(kernel, names=("papin.example",)) as (client, _):
        assert (await client.ask("GET", "/health", Host=f"papin.example:{client.port}")).status == 200
        assert (await client.ask("GET", "/health", Host="papin.example")).status == 421


FOREIGN = [
    {"Origin": "http://evil.com"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "https://127.0.0.1:{port}"},
    {"Origin": "http://localhost:{port}"},
    {"Origin": "http://127.0.0.1:{port}.evil.com"},
    {"Origin": "http://127.0.0.1:{port} http://evil.com"},
    {"Origin": ""},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "anything"},
    {"Origin": "http://127.0.0.1:{port}", "Sec-Fetch-Site": "cross-site"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
async def test_a_foreign_page_gets_nowhere_even_with_the_token(client, kernel, headers):
    told = {name.replace("-", "_"): value.format(port=client.port) for name, value in headers.items()}
    for method, path in every_route():
        answer = await client.ask(method, path, **told)
        assert (answer.status, answer.json()["code"]) == (403, "ERR_ORIGIN"), (method, path)
        assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", b"ref=starter:smollm2"),
        ("text/plain", b'{"ref": "starter:smollm2"}'),
        ("multipart/form-data; boundary=x", b"--x--"),
        (None, b'{"ref": "starter:smollm2"}'),
    ],
)
async def test_what_a_form_can_send_is_never_a_command(client, kernel, kind, body):
    for method, path in every_route():
        if method != "GET":
            without = await Client(client.port, None).ask(method, path, body=body, Content_Type=kind)
            assert without.status == 401
            answer = await client.ask(method, path, body=body, Content_Type=kind)
            assert (answer.status, answer.json()["code"]) == (415, "ERR_USAGE")
    assert not kernel.downloads.asked


async def test_our_own_page_is_let_through_with_the_token(client):
    ours = f"http://127.0.0.1:{client.port}"
    assert (await client.ask("GET", f"{API}/models", Origin=ours, Sec_Fetch_Site="same-origin")).status == 200
    assert (await Client(client.port, None).ask("GET", f"{API}/models", Origin=ours)).status == 401


async def test_a_preflight_is_refused_and_nothing_ever_allows_another_origin(client):
    asked = {"Origin": "http://evil.com", "Access_Control_Request_Method": "POST"}
    for origin in (asked, asked | {"Origin": f"http://127.0.0.1:{client.port}"}):
        answer = await client.ask("OPTIONS", f"{API}/downloads", **origin)
        assert answer.status == 405
        assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("method", ["HEAD", "PUT", "TRACE", "OPTIONS", "CONNECT", "BREW"])
async def test_other_methods_are_refused(client, method):
    assert (await client.ask(method, "/health")).status == 405


async def test_a_method_that_a_route_has_not(client):
    answer = await client.ask("POST", f"{API}/models")
    assert (answer.status, answer.json()["code"]) == (405, "ERR_USAGE")
    assert "GET" in answer.headers["allow"]


async def test_every_answer_carries_the_protective_headers(client, kernel):
    answers = [
        await client.ask("GET", "/health"),
        await client.ask("GET", f"{API}/models"),
        await client.ask("GET", f"{API}/nothing"),
        await client.ask("GET", "/health", Host="evil.com"),
        await client.ask("POST", f"{API}/models/smollm2/chat", {"messages": []}),
    ]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert "server" not in answer.headers
        assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_the_size_of_a_body_is_bounded(client, kernel):
    fits = b'{"ref": "x"}'.ljust(BODY_LIMIT)
    assert len(fits) == BODY_LIMIT
    assert (await client.ask("POST", f"{API}/downloads", body=fits)).status == 202
    answer = await client.ask("POST", f"{API}/downloads", body=fits + b" ")
    assert (answer.status, answer.json()["code"]) == (413, "ERR_USAGE")


async def test_a_body_without_a_length_is_bounded_too(client):
    chunks = b"10000\r\n" + b" " * 65536 + b"\r\n"
    head = client.head(
        "POST", f"{API}/downloads", {"Transfer-Encoding": "chunked", "Content-Type": "application/json"}, 0
    )
    assert (await client.raw(head + chunks * 17 + b"0\r\n\r\n")).status == 413


async def test_a_refused_client_may_send_a_large_body_and_still_reads_the_answer(kernel):
    async with serving(kernel) as (client, _):
        for _ in range(3):
            answer = await Client(client.port, None).ask("POST", f"{API}/downloads", body=b" " * (4 << 20))
            assert answer.status == 401


async def test_a_body_is_sent_as_it_is(client):
    answer = await client.ask("POST", f"{API}/downloads", {"ref": "x"}, Content_Encoding="gzip")
    assert answer.status == 415


SMUGGLED = b"POST /api/v1/downloads HTTP/1.1\r\n\r\n"


@pytest.mark.parametrize(
    "rest",
    [
        b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"Content-Length: +4\r\n\r\nabcd",
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: 4_0\r\n\r\n",
        b"X-A: b\rX-C: d\r\n\r\n",
        b"X-A: \x00\r\n\r\n",
        b"X-A: " + b"x" * (100 << 10) + b"\r\n\r\n",
    ],
)
async def test_malformed_requests_are_refused_and_end_the_connection(client, kernel, rest):
    head = client.head("POST", f"{API}/models/smollm2/unload", {"Content-Type": "application/json"}, 0)[:-2]
    answer = await client.raw(head + rest + SMUGGLED)
    assert answer.status in {400, 431, 501}
    assert answer.headers["connection"] == "close"
    assert not kernel.downloads.asked


async def test_the_size_of_headers_is_bounded(client):
    assert (await client.ask("GET", "/health", X_A="x" * (8 << 10))).status == 200
    assert (await client.ask("GET", "/health", X_A="x" * (17 << 10))).status == 431


@pytest.mark.parametrize(
    "names", [("Content-Length: 4", "Transfer-Encoding: chunked"), ("Transfer-Encoding: chunked", "Content-Length: 4")]
)
async def test_a_request_with_two_lengths_is_refused_and_what_follows_is_not_read(client, kernel, names):
    head = client.head("POST", f"{API}/models/smollm2/unload", {"Content-Type": "application/json"}, 0)[:-2]
    whole = head + "\r\n".join(names).encode() + b"\r\n\r\n0\r\n\r\n"
    answer = await client.raw(whole)
    assert (answer.status, answer.headers["connection"]) == (400, "close")
    async with await client.connect() as stream:
        await stream.send_all(whole + client.head("POST", f"{API}/downloads", {}, 14) + b'{"ref": "evil"}')
        while await stream.receive_some():
            continue
    assert not kernel.downloads.asked


async def test_pipelined_requests_are_answered_in_order(client):
    async with await client.connect() as stream:
        await stream.send_all(client.head("GET", "/health", {}, 0) + client.head("GET", f"{API}/nothing", {}, 0))
        received = b""
        while b"ERR_NOT_FOUND" not in received and (piece := await stream.receive_some()):
            received += piece
    assert received.index(b'{"status":"ok"}') < received.index(b"ERR_NOT_FOUND")


async def test_websockets_and_http2_are_not_spoken(client):
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    head = client.head("GET", f"{API}/events", upgrade | {"Sec-WebSocket-Key": "x3JJHMbDL1EzLkh9GBhXDw=="}, 0)
    assert (await client.raw(head)).status == 403
    h2c = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAAQAoAAAAAIAAAAA"}
    assert (
        await client.ask("GET", "/health", **{name.replace("-", "_"): value for name, value in h2c.items()})
    ).status == 200
    assert (await client.raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")).status == 505
