"""What every test stands on: a closed network, a clean environment, real databases, a browser."""

import os
import shutil

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.fixtures.postgres", "tests.fixtures.sockets"]

# A busy two-core machine makes single examples slow; that says nothing about the code.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile("test", _PATIENT, derandomize=True)
settings.register_profile("soak", _PATIENT, max_examples=20_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "test"))


def pytest_configure() -> None:
    """Forget the developer's own settings."""
    for name in [name for name in os.environ if name.startswith("ASSENT_")]:
        del os.environ[name]


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where Chromium is, for `playwright.chromium.launch(executable_path=…, args=["--no-sandbox"])`."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("NO BROWSER: apt-get install chromium")
    return found
