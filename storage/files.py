"""The files of the policy folder: what is read, what is left out, and whether anything changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bot.core.policy import PolicyBroken, Problem

DIRECTORY = "directory.yaml"
TESTS = "_test.yaml"
FILE_MAX = 1024 * 1024  # bytes
BEGIN = "begin with a copy of examples/policy, or set ASSENT_POLICY"
Stamp = tuple[tuple[str, int, int, int], ...]


def read_folder(folder: Path) -> dict[str, str]:
    """Return every YAML file below the folder by its relative name; raises `PolicyBroken`."""
    texts, problems = {}, []
    for path in _paths(folder):
        name = path.relative_to(folder).as_posix()
        if path.suffix != ".yaml":
            problems.append(Problem(name, 1, 1, "policy files end in .yaml; this one would be left out"))
            continue
        try:
            with path.open("rb") as file:
                texts[name] = file.read(FILE_MAX + 1).decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            problems.append(Problem(name, 1, 1, f"this file cannot be read: {error}"))
    if DIRECTORY not in texts and not problems:
        problems.append(Problem(DIRECTORY, 1, 1, f"there is no {DIRECTORY} in {folder}; {BEGIN}"))
    if problems:
        raise PolicyBroken(problems)
    return texts


def _paths(folder: Path) -> Iterator[Path]:
    """Yield the YAML files, hidden ones left out: editors and volumes keep copies there."""
    for path in sorted(folder.rglob("*.y*ml")):
        if path.suffix in (".yaml", ".yml") and not any(p[0] == "." for p in path.relative_to(folder).parts):
            yield path


def split(texts: dict[str, str]) -> tuple[dict[str, str], str, dict[str, str]]:
    """Return the bundle's files, the directory's text, and the files of tests."""
    tests = {name: text for name, text in texts.items() if name.endswith(TESTS)}
    bundle = {name: text for name, text in texts.items() if name not in tests and name != DIRECTORY}
    return bundle, texts[DIRECTORY], tests


def stamp_of(folder: Path) -> Stamp:
    """Return what changes whenever a file of the folder does."""
    stamps = []
    for path in _paths(folder):
        try:
            status = path.stat()
        except OSError:  # gone since it was listed; the next stamp differs
            continue
        stamps.append((str(path), status.st_mtime_ns, status.st_size, status.st_ino))
    return tuple(stamps)
