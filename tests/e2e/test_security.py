"""Servers that ask who is there: password, nkey, credentials file, TLS and mutual TLS."""

import re

import pytest

import processes
from credentials import USER, Authority, NKey, Operator
from harness import wait_value
from nats_server import NatsServer

TABLE = "CREATE TABLE t(id INTEGER PRIMARY KEY, v)"


@pytest.fixture
def serve(folder):
    """Starts a server with that configuration."""
    servers = []

    def start(extra, scheme="nats"):
        server = NatsServer(folder / f"nats{len(servers)}", extra, scheme)
        servers.append(server)
        return server.start()

    yield start
    for server in servers:
        server.kill()


@pytest.fixture
def secret_file(folder):
    def write(name, text):
        path = folder / name
        path.write_text(text)
        path.chmod(0o600)
        return str(path)
    return write


def pair(cluster, server, settings):
    nodes = []
    for _ in range(2):
        node = cluster.add({"nats": settings}, url=server.url).create(TABLE)
        nodes.append(node.start())
    nodes[0].sql("INSERT INTO t VALUES(1, 'x')")
    wait_value(nodes[1], "SELECT v FROM t", "x")
    # And once more, after the line was lost.
    server.kill()
    nodes[1].sql("INSERT INTO t VALUES(2, 'y')")
    server.start()
    wait_value(nodes[0], "SELECT v FROM t WHERE id = 2", "y")
    return nodes


def refused(cluster, server, settings, pattern=None):
    node = cluster.add({"nats": {**settings, "connect_retries": 1, "reconnect_wait_seconds": 1}},
                       url=server.url).create(TABLE)
    code, output = node.run()
    assert code != 0, output
    if pattern:
        assert re.search(pattern, output, re.IGNORECASE), output
    return output


def test_user_and_password(cluster, embedded, serve):
    password = "pa$$ w0rd\"'"
    server = serve("authorization { user: ann, password: " + '"pa$$ w0rd\\"\'"' + " }")
    nodes = pair(cluster, server, {"user_name": "ann", "user_password": password})
    for node in nodes:
        assert password not in node.logs()
        assert all(b"w0rd" not in word for word in processes.command_line(node.pid))
    refused(cluster, server, {})


def test_a_password_from_the_environment(cluster, embedded, serve):
    server = serve('authorization { user: ann, password: "from afar" }')
    node = cluster.add({"nats": {"user_name": "ann", "user_password": "${NATS_WORD}"}},
                       url=server.url, env={"NATS_WORD": "from afar"}).create(TABLE)
    node.start()
    assert "from afar" not in node.log()


def test_a_password_in_the_url(cluster, embedded, serve):
    server = serve('authorization { user: ann, password: "inurl" }')
    url = server.url.replace("://", "://ann:inurl@")
    nodes = [cluster.add(url=url).create(TABLE).start() for _ in range(2)]
    nodes[0].sql("INSERT INTO t VALUES(1, 'x')")
    wait_value(nodes[1], "SELECT v FROM t", "x")
    assert all("inurl" not in node.logs() for node in nodes)


def test_an_nkey(cluster, embedded, serve, secret_file):
    key, other = NKey(USER), NKey(USER)
    server = serve(f"authorization {{ users: [ {{ nkey: {key.public} }} ] }}")
    nodes = pair(cluster, server, {"seed_file": secret_file("user.nk", key.seed + "\n")})
    assert all(key.seed not in node.logs() for node in nodes)
    refused(cluster, server, {"seed_file": secret_file("other.nk", other.seed)})


def test_a_credentials_file(cluster, embedded, serve, secret_file):
    operator, stranger = Operator(), Operator()
    server = serve(operator.server_config)
    text = operator.credentials()
    nodes = pair(cluster, server, {"creds_file": secret_file("user.creds", text)})
    seed = re.search(r"\nSU\w+\n", text).group().strip()
    assert all(seed not in node.logs() for node in nodes)
    refused(cluster, server, {"creds_file": secret_file("no.creds", stranger.credentials())})


def tls(certificate, key, more=""):
    return f'tls {{ cert_file: "{certificate}", key_file: "{key}" {more} }}'


@pytest.mark.parametrize("scheme", ["nats", "tls"])
def test_tls(cluster, embedded, serve, folder, scheme):
    authority = Authority(folder / "ca")
    server = serve(tls(*authority.issue("server")), scheme)
    pair(cluster, server, {"ca_file": str(authority.certificate)})
    stranger = Authority(folder / "other-ca")
    refused(cluster, server, {"ca_file": str(stranger.certificate)}, "TLS|certificate")
    refused(cluster, server, {"ca_file": str(folder / "none.pem")}, r"none\.pem")


def test_a_certificate_for_another_address(cluster, embedded, serve, folder):
    authority = Authority(folder / "ca")
    server = serve(tls(*authority.issue("server", "10.9.8.7")), "tls")
    refused(cluster, server, {"ca_file": str(authority.certificate)}, "TLS|certificate")


def test_mutual_tls(cluster, embedded, serve, folder):
    authority = Authority(folder / "ca")
    server = serve(tls(*authority.issue("server"),
                       f', ca_file: "{authority.certificate}", verify: true'), "tls")
    certificate, key = authority.issue("client")
    pair(cluster, server, {"ca_file": str(authority.certificate), "cert_file": str(certificate),
                           "key_file": str(key)})
    refused(cluster, server, {"ca_file": str(authority.certificate)}, "TLS|certificate")
    refused(cluster, server, {"ca_file": str(authority.certificate),
                              "cert_file": str(certificate)}, "key_file")


def test_tls_that_the_server_does_not_offer(cluster, embedded, serve, folder):
    """Never in the clear when the configuration asks for TLS."""
    authority = Authority(folder / "ca")
    server = serve("", "tls")
    refused(cluster, server, {"ca_file": str(authority.certificate)}, "TLS")


def test_a_configuration_file_that_others_can_read(cluster, embedded, serve):
    server = serve('authorization { user: ann, password: "open" }')
    node = cluster.add({"nats": {"user_name": "ann", "user_password": "open"}},
                       url=server.url).create(TABLE)
    node.config_mode = 0o644
    node.start()
    node.wait_log(r"warning.*config\.toml")
