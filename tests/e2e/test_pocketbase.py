"""PocketBase on two nodes. docs/your-application.md claims what is seen here."""

import contextlib
import json
import pathlib
import subprocess
import urllib.error
import urllib.request

import pytest

import packages
import processes
from harness import wait_equal, wait_value
from wait import seconds, wait_until

pytestmark = pytest.mark.long

SOURCE = pathlib.Path(__file__).with_name("frameworks") / "pocketbase" / "main.go"
ADMIN = {"identity": "admin@example.org", "password": "of a test"}
# The ids are chosen, because each node makes the collection for itself.
NOTES = {
    "id": "notes0000000001", "name": "notes", "type": "base",
    "schema": [{"id": "text0001", "name": "text", "type": "text"}],
    **{rule: "" for rule in ("listRule", "viewRule", "createRule", "updateRule", "deleteRule")},
}


class PocketBase:
    def __init__(self, program, node):
        self.program = str(program)
        self.folder = node.folder
        node.database = self.folder / "data.db"
        node.settings["db_path"] = str(node.database)
        self.port, = processes.free_ports(1)
        self.process = None

    def launch(self):
        with open(self.folder / "pocketbase.log", "ab") as log:
            self.process = processes.start(
                [self.program, "serve", f"--http=127.0.0.1:{self.port}", "--dir", self.folder], stdout=log, stderr=log)
        return self

    def start(self):
        return self.launch().wait_up()

    def log(self):
        return (self.folder / "pocketbase.log").read_text(errors="replace")

    def wait_up(self):
        def up():
            assert self.process.poll() is None, f"PocketBase ended with {self.process.returncode}\n{self.log()}"
            return self.answers()
        wait_until(up, what="PocketBase to answer", explain=lambda: self.log()[-2000:])
        return self

    def answers(self):
        try:
            return self.ask("GET", "/api/health")[0] == 200
        except OSError:
            return False

    def stop(self):
        processes.end(self.process)

    def make_admin(self):
        subprocess.run([self.program, "admin", "create", ADMIN["identity"], ADMIN["password"], "--dir", self.folder],
                       check=True, capture_output=True, timeout=seconds(60))

    def ask(self, method, path, body=None, token=""):
        """(status, answer) of its API."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": token})
        try:
            with urllib.request.urlopen(request, timeout=seconds(30)) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def log_in(self):
        status, answer = self.ask("POST", "/api/admins/auth-with-password", ADMIN)
        return answer["token"] if status == 200 else None

    def make_collection(self, token):
        return self.ask("PUT", "/api/collections/import", {"collections": [NOTES]}, token)[0]


@contextlib.contextmanager
def two_applications(cluster, settings=None):
    """Two nodes with PocketBase, which has made its tables before their sidecars started."""
    program = packages.go("frameworks-pocketbase", SOURCE, "github.com/pocketbase/pocketbase@v0.22.21")
    made = [PocketBase(program, cluster.add(settings)) for _ in range(2)]
    for one, node in zip(made, cluster.nodes):
        one.start().stop()
        node.start()
    for one in made:
        one.start()
    yield made
    for one in made:
        one.stop()


@pytest.fixture
def applications(cluster):
    with two_applications(cluster) as made:
        yield made


def test_admins_and_records(cluster, applications):
    """A collection is made on both nodes while their sidecars are stopped."""
    nodes, (a, b) = cluster.nodes, applications
    a.make_admin()
    wait_value(nodes, "SELECT count(*) FROM _admins", 1)
    token = a.log_in()
    assert b.log_in() is not None
    assert b.ask("GET", "/api/collections", token=token)[0] == 200  # both have one secret
    for node in nodes:
        node.stop()
    assert [one.make_collection(token) for one in applications] == [204, 204]
    for node in nodes:
        node.start()
    for one in applications:
        for number in range(5):
            assert one.ask("POST", "/api/collections/notes/records", {"text": f"{one.port} {number}"})[0] == 200
    wait_value(nodes, "SELECT count(*) FROM notes", 10)
    wait_equal(nodes)
    for one in applications:
        assert one.ask("GET", "/api/collections/notes/records")[1]["totalItems"] == 10


def test_a_collection_made_on_one_node(cluster, applications):
    """The list of collections is a table and travels; the collection's own table does not."""
    nodes, (a, b) = cluster.nodes, applications
    a.make_admin()
    assert a.make_collection(a.log_in()) == 204
    wait_value(nodes, "SELECT count(*) FROM _collections WHERE name = 'notes'", 1)
    assert a.ask("POST", "/api/collections/notes/records", {"text": "one"})[0] == 200
    nodes[1].wait_log("wait: table notes does not exist here")
    assert b.ask("GET", "/api/collections/notes/records")[0] == 400
