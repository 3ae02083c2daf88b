import pytest

from servers import Fleet, PATIENT, RedisServer, blocked, wait_for


def pytest_configure(config):
    config.addinivalue_line("markers", "smoke: a fast subset, also run on the sanitizer builds")


@pytest.fixture(scope="module")
def shared_fleet():
    """Three nodes and a proxy for a module's tests that break nothing."""
    with Fleet(**PATIENT) as fleet:
        yield fleet


@pytest.fixture
def fleet(shared_fleet):
    shared_fleet.flush()
    return shared_fleet


@pytest.fixture(scope="module")
def redis():
    with RedisServer() as server:
        yield server


@pytest.fixture
def client(fleet):
    with fleet.client() as connection:
        yield connection


@pytest.fixture(scope="module")
def three():
    """Three nodes and two workers, for clients that wait."""
    with Fleet(3, workers=2, **PATIENT) as fleet:
        yield fleet


@pytest.fixture
def keys(three):
    """A key of each of the three nodes, and nobody waits for any."""
    three.flush()
    wait_for(lambda: blocked(three.nodes) == 0 and three.proxy.metric("pinned_links") == 0, "nobody to wait")
    return {name: three.key_of(i, f"{name}-") for i, name in enumerate("abc")}
