"""How Ray is joined or started, without Ray: what it is asked for, and what its refusals become."""

import os
import sys
import types

import pytest

from dejavu.errors import EngineError, ParamsError
from dejavu.run import cores, ray_cluster
from dejavu.run.engines import Engine


class RefusedError(Exception):
    pass


@pytest.fixture
def fake(monkeypatch):
    """Return a module that keeps how it was started, and raises `error` if that is set."""
    ray = types.ModuleType("ray")
    ray.exceptions = types.SimpleNamespace(AuthenticationError=RefusedError)
    ray.started, ray.error, ray.runs = [], None, False

    def init(**options):
        if ray.error is not None:
            raise ray.error
        if ray.runs and "num_cpus" in options:
            raise ValueError(
                "When connecting to an existing cluster, num_cpus must not be provided."
            )
        ray.started.append(options | {"niceness": os.environ.get(ray_cluster._NICENESS)})

    ray.init, ray.is_initialized = init, lambda: bool(ray.started)
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv(ray_cluster._NICENESS, "")
    monkeypatch.delenv(ray_cluster._NICENESS)
    return ray


def test_workers_of_a_cluster_of_our_own_take_turns_with_other_programs(fake):
    assert ray_cluster.connected() is ray_cluster.connected() is fake
    (started,) = fake.started
    assert started["niceness"] == "0"
    assert started["include_dashboard"] is False
    assert started["num_cpus"] == cores.given()


def test_a_cluster_that_runs_is_joined_with_the_cores_it_has(fake):
    fake.runs = True
    ray_cluster.connected(n_cores=1)
    assert "num_cpus" not in fake.started[0]


def test_a_niceness_that_is_asked_for_stays(fake, monkeypatch):
    monkeypatch.setenv(ray_cluster._NICENESS, "19")
    ray_cluster.connected()
    assert fake.started[0]["niceness"] == "19"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionError("refused"), r"no Ray cluster answers at 10\.0\.0\.1:6379 \(refused\)"),
        (ValueError("Invalid address format: x"), r"answers at .* \(Invalid address format: x\)"),
        (RefusedError("no token"), r"asks for a token .*~/\.ray/auth_token .*every node"),
        (
            RuntimeError("Version mismatch: started with:\n    Ray: 2.54\n    Python: 3.12.1"),
            r"Version mismatch: started with: Ray: 2\.54 Python: 3\.12\.1 Every node needs the same",
        ),
    ],
)
def test_a_refusal_is_one_line_that_says_what_to_do(fake, monkeypatch, error, said):
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    fake.error = error
    with pytest.raises(EngineError, match=said) as found:
        ray_cluster.connected()
    assert "\n" not in str(found.value)


def test_without_ray_its_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ParamsError, match=r"pip install 'dejavu-audit\[ray\]'"):
        ray_cluster.connected()


def test_room_is_counted_on_nodes_that_live(fake):
    fake.nodes = lambda: [
        {"Alive": True, "Resources": {"CPU": 8.0, "GPU": 1.0}},
        {"Alive": True, "Resources": {"CPU": 3.0}},
        {"Alive": False, "Resources": {"CPU": 64.0}},
    ]
    assert ray_cluster.room(fake, Engine(name="ray", cpus=2)) == 5
    assert ray_cluster.room(fake, Engine(name="ray", cpus=2, gpus=0.5)) == 2
    with pytest.raises(ParamsError, match="a worker of 9 cores; the nodes have 8 cores and 1 GPUs"):
        ray_cluster.room(fake, Engine(name="ray", cpus=9))
