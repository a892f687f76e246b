"""What is true of every file in the repository."""

import ast
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "package-lock.json")
# Written in halves, so that this file does not name them either.
REGISTRIES = (
    "pypi" + ".org",
    "files.python" + "hosted.org",
    "registry.npm" + "js.org",
    "registry.yarn" + "pkg.com",
)


def _tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=TOP, capture_output=True, check=True).stdout
    return [path for name in listed.decode().split("\0") if name and (path := TOP / name).is_file()]


def _functions(module: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Functions of the module that others may call."""
    body = ast.parse(module.read_text()).body
    found = [node for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [function for function in found if not function.name.startswith("_")]


def test_no_file_names_a_package_registry() -> None:
    assert [
        f"{path.relative_to(TOP)}: {host}"
        for path in _tracked()
        for host in REGISTRIES
        if host.encode() in path.read_bytes()
    ] == []


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_hashes_and_no_address(name: str) -> None:
    if name not in {str(path.relative_to(TOP)) for path in _tracked()}:
        pytest.skip(f"{name} is not needed yet")
    text = (TOP / name).read_text()
    assert "://" not in text
    assert "sha256:" in text or "sha512-" in text


def test_every_locked_version_has_a_hash() -> None:
    entries = (TOP / "requirements.lock").read_text().replace("\\\n", " ").splitlines()
    assert [entry for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []


def test_every_public_function_of_the_bot_says_what_it_does() -> None:
    assert [
        f"{path.relative_to(TOP)}:{function.lineno} {function.name}"
        for path in (TOP / "bot").rglob("*.py")
        for function in _functions(path)
        if not ast.get_docstring(function)
    ] == []


def test_nothing_is_mocked() -> None:
    assert [
        f"{path.relative_to(TOP)}:{node.lineno}"
        for path in (TOP / "tests").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if (
            isinstance(node, ast.ImportFrom)
            and (node.module or "").startswith(("unittest.mock", "pytest_mock"))
        )
        or (isinstance(node, ast.Import) and any(alias.name == "unittest.mock" for alias in node.names))
    ] == []
