"""N30: connections that are not what they claim, against real certificates made by openssl."""

from __future__ import annotations

import shutil
import ssl
import subprocess

import pytest

from papin.errors import AddressUnsafe, ConfigInvalid, TransferFailed
from papin.http import Http
from papin.testing.fault_scripts import redirect
from papin.testing.fault_server import fault_server

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl program")


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A folder with the certificate of an authority of our own, and a function that has it sign one for a name."""
    folder = tmp_path_factory.mktemp("authority")

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *key, "-subj", "/CN=Test authority", "-keyout", "ca.key", "-out", "ca.pem", "-days", "30")

    def issue(name, *, days="30", is_signed=True):
        openssl("req", *key, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        (folder / f"{name}.ext").write_text(f"subjectAltName=DNS:{name}\n")
        signer = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial") if is_signed else ("-signkey", f"{name}.key")
        request = ("-req", "-in", f"{name}.csr", "-extfile", f"{name}.ext")
        openssl("x509", *request, *signer, "-days", days, "-out", f"{name}.pem")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
        return context

    issue.http = Http(environ={"SSL_CERT_FILE": str(folder / "ca.pem")})
    return issue


async def _get(http, server, name, resolver):
    resolver.answers[name] = [["127.0.0.1"]]
    async with http.client(f"https://{name}:{server.port}") as client:
        return await client.request("GET", "/")


async def test_an_authority_that_the_environment_names_is_trusted(authority, resolver):
    async with fault_server(b"x" * 1000, tls=authority("good.example")) as server:
        assert (await _get(authority.http, server, "good.example", resolver)).body == b"x" * 1000


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_an_authority_that_cannot_be_read_is_no_matter_of_the_network(tmp_path, content):
    file = tmp_path / "mine.pem"
    if content:
        file.write_text(content)
    async with Http(environ={"SSL_CERT_FILE": str(file)}).client("https://localhost:9") as client:
        with pytest.raises(ConfigInvalid, match=r"mine\.pem: ") as caught:
            await client.request("GET", "/")
    assert "SSL_CERT_FILE" in caught.value.next_step


async def test_n30_an_authority_that_nobody_knows_is_not(authority, resolver):
    async with fault_server(b"x", tls=authority("good.example")) as server:
        with pytest.raises(TransferFailed, match=r"certificate of good\.example is not trusted") as caught:
            await _get(Http(environ={}), server, "good.example", resolver)
    assert not caught.value.transient
    assert "SSL_CERT_FILE" in caught.value.next_step
    assert server.requests == []


@pytest.mark.parametrize(
    ("name", "options"), [("self.example", {"is_signed": False}), ("expired.example", {"days": "-1"})]
)
async def test_n30_self_signed_and_expired(authority, resolver, name, options):
    async with fault_server(b"x", tls=authority(name, **options)) as server:
        with pytest.raises(TransferFailed, match="not trusted"):
            await _get(authority.http, server, name, resolver)
    assert server.requests == []


async def test_n30_the_certificate_of_another_host(authority, resolver):
    async with fault_server(b"x", tls=authority("other.example")) as server:
        with pytest.raises(TransferFailed, match="not trusted"):
            await _get(authority.http, server, "good.example", resolver)
    assert server.requests == []


async def test_n30_a_server_that_speaks_no_tls(authority, resolver, jumping_clock):
    async with fault_server(b"x") as server:
        with pytest.raises(TransferFailed) as caught:
            await _get(authority.http, server, "good.example", resolver)
    assert caught.value.next_step


async def test_n30_a_downgrade_is_refused(authority, resolver):
    async with fault_server(b"plain") as plain:
        script = redirect(f"http://good.example:{plain.port}/")
        async with fault_server(b"x", script, tls=authority("good.example")) as server:
            with pytest.raises(AddressUnsafe, match="from https to http"):
                await _get(authority.http, server, "good.example", resolver)
    assert plain.requests == []
