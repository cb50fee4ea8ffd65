"""Health answers and metrics, asked for over HTTP."""

import json
import re
import urllib.error
import urllib.request

import pytest

import processes
from harness import wait_value
from wait import seconds, wait_until

TABLE = "CREATE TABLE t(id INTEGER PRIMARY KEY, v)"
HEALTH = {"health_check": {"enable": True, "bind": "127.0.0.1:-1"}}
METRICS = {"prometheus": {"enable": True, "bind": "127.0.0.1:-1"}}


def fetch(url, method="GET"):
    request = urllib.request.Request(url, method=method)
    try:
        with urllib.request.urlopen(request, timeout=seconds(10)) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def url_of(node, what):
    """Where the node says that it answers."""
    return re.search(rf"{what} at (http://\S+)", node.log()).group(1)


def health(node):
    status, body = fetch(url_of(node, "health_check"))
    return status, json.loads(body)


def metric(node, name):
    _, page = fetch(url_of(node, "prometheus"))
    found = re.findall(rf"^{re.escape(name)} (\S+)$", page, re.MULTILINE)
    assert len(found) == 1, page
    return float(found[0])


def test_a_healthy_node(cluster):
    a, b = (cluster.add(settings={**HEALTH, **METRICS}).create(TABLE).start() for _ in range(2))
    a.sql("INSERT INTO t VALUES(1, 'x')")
    wait_value(b, "SELECT v FROM t", "x")
    wait_until(lambda: metric(a, "harmonylite_rows_sent_total") == 1, 30, "the row to be counted")
    status, answer = health(a)
    assert status == 200
    assert answer["status"] == "healthy" and answer["reasons"] == []
    assert answer["node_id"] == a.node_id and answer["tables_tracked"] == 1
    assert answer["nats_connected"] and answer["db_connected"] and answer["cdc_installed"]
    assert answer["schema"]["paused"] is False
    assert answer["last_published_event_timestamp"].endswith("Z")
    wait_until(lambda: health(a)[1]["unsent_changes"] == 0, 30, "everything to be sent")
    wait_until(lambda: metric(b, "harmonylite_rows_applied_total") == 1, 30, "the row to be counted")
    assert health(b)[1]["last_replicated_event_timestamp"] is not None
    assert health(a)[1]["schema"]["hash"] == health(b)[1]["schema"]["hash"]


def test_without_nats_it_is_unhealthy_and_says_why(cluster, own_nats):
    node = cluster.add(settings=HEALTH).create(TABLE).start()
    assert health(node)[0] == 200
    own_nats.kill()
    node.sql("INSERT INTO t VALUES(1, 'kept')")
    wait_until(lambda: health(node)[0] == 503, 30, "the loss to be seen", node.tail)
    answer = health(node)[1]
    assert answer["status"] == "unhealthy" and not answer["nats_connected"]
    assert any("NATS" in reason for reason in answer["reasons"])
    wait_until(lambda: health(node)[1]["unsent_changes"] > 0, 30, "the change to be counted",
               lambda: json.dumps(health(node)[1]))
    own_nats.start()
    wait_until(lambda: health(node)[0] == 200, 60, "NATS to be back", node.tail)
    wait_until(lambda: health(node)[1]["unsent_changes"] == 0, 60, "the change to be sent")


def test_a_schema_that_differs_shows(cluster):
    a = cluster.add().create("CREATE TABLE t(id INTEGER PRIMARY KEY, v, more)").start()
    b = cluster.add(settings={**HEALTH, **METRICS}).create(TABLE).start()
    a.sql("INSERT INTO t VALUES(1, 'x', 'y')")
    wait_until(lambda: health(b)[0] == 503, 30, "the difference to be seen", b.tail)
    answer = health(b)[1]
    assert answer["schema"]["paused"] is True and "more" in answer["schema"]["reason"]
    assert answer["waiting"][0]["node"] == a.node_id
    assert metric(b, 'harmonylite_waiting{kind="schema"}') == 1
    b.sql("ALTER TABLE t ADD COLUMN more")
    wait_value(b, "SELECT more FROM t", "y")
    wait_until(lambda: health(b)[0] == 200, 30, "it to be healthy again", b.tail)


def test_not_detailed_is_the_status_alone(cluster):
    settings = {"health_check": {**HEALTH["health_check"], "detailed": False, "path": "/up"}}
    node = cluster.add(settings=settings).create(TABLE).start()
    url = url_of(node, "health_check")
    assert url.endswith("/up")
    assert fetch(url) == (200, "")
    assert fetch(url, "HEAD") == (200, "")
    assert fetch(url, "POST")[0] == 405
    assert fetch(url.replace("/up", "/health"))[0] == 404


def test_metrics_have_the_configured_names(cluster):
    settings = {"prometheus": {**METRICS["prometheus"], "namespace": "shop", "subsystem": "db"}}
    node = cluster.add(settings=settings).create(TABLE).start()
    _, page = fetch(url_of(node, "prometheus"))
    names = set(re.findall(r"^([a-z_]+)", page, re.MULTILINE))
    assert names and all(name.startswith("shop_db_") for name in names), page
    for name in names:
        assert f"# TYPE {name} " in page and f"# HELP {name} " in page


def test_health_and_metrics_on_one_port(cluster):
    address = f"127.0.0.1:{processes.free_ports(1)[0]}"
    node = cluster.add(settings={"health_check": {"enable": True, "bind": address},
                                 "prometheus": {"enable": True, "bind": address}})
    node.create(TABLE).start()
    assert fetch(f"http://{address}/health")[0] == 200
    assert "harmonylite_tables 1" in fetch(f"http://{address}/metrics")[1]


@pytest.mark.parametrize("flag", [True, False])
def test_a_port_that_is_taken_is_refused(cluster, flag):
    first = cluster.add(settings=HEALTH).create(TABLE).start()
    taken = url_of(first, "health_check").split("/")[2]
    second = cluster.add(settings={} if flag else {"health_check": {"enable": True, "bind": taken}})
    second.create(TABLE)
    code, output = second.run(*(["-health-check", "-health-bind", taken] if flag else []))
    assert code == 1
    assert f"health_check: cannot listen on {taken}" in output, output


def test_nothing_listens_unless_asked_for(cluster):
    node = cluster.add().create(TABLE).start()
    assert "http://" not in node.log()
