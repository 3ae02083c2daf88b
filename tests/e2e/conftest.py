import pytest

from servers import PATIENT, Fleet, RedisServer


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
