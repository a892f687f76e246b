"""Nothing dead: whatever is public in a module of the product is used by the product, not by tests alone."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PRODUCT = ("bot", "handlers", "storage", "examples")  # the client is a library: others call it
Name = tuple[str, str]  # a module, and what it calls something


def modules() -> dict[str, ast.Module]:
    """Every module of the product by its name; migrations are called by Alembic."""
    paths = (path for root in PRODUCT for path in (ROOT / root).rglob("*.py") if "versions" not in path.parts)
    return {_module(path): ast.parse(path.read_text("utf-8")) for path in paths}


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def defined(module: str, tree: ast.Module) -> dict[Name, ast.stmt]:
    """What a module makes public at its top: functions, classes, constants."""
    found: dict[Name, ast.stmt] = {}
    for one in tree.body:
        match one:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found[module, name] = one
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                found[module, name] = one
    return {(module, name): one for (_, name), one in found.items() if not name.startswith("_")}


def used(trees: dict[str, ast.Module]) -> set[Name]:
    """What is used: in its own module beside its definition, where it is imported, or through its module."""
    found, passed_on = set[Name](), dict[Name, Name]()
    for module, tree in trees.items():
        loads = defaultdict[str, list[int]](list)
        for one in ast.walk(tree):
            if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load):
                loads[one.id].append(one.lineno)
        for name, (source, original) in _imported(tree).items():
            if f"{source}.{original}" in trees:
                found |= {(f"{source}.{original}", member) for member in _members(tree, name)}
            if name in loads:
                found.add((source, original))
            else:
                passed_on[module, name] = (source, original)
        for key, one in defined(module, tree).items():
            if any(not one.lineno <= line <= (one.end_lineno or 0) for line in loads[key[1]]):
                found.add(key)
    while more := {passed_on[name] for name in found & passed_on.keys()} - found:
        found |= more
    return found


def _imported(tree: ast.Module) -> dict[str, Name]:
    return {
        alias.asname or alias.name: (one.module, alias.name)
        for one in ast.walk(tree)
        if isinstance(one, ast.ImportFrom) and one.module
        for alias in one.names
    }


def _members(tree: ast.Module, name: str) -> set[str]:
    """What is taken of a module that is imported under a name."""
    return {
        one.attr
        for one in ast.walk(tree)
        if isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name) and one.value.id == name
    }


def test_whatever_is_public_has_a_user_in_the_product() -> None:
    trees = modules()
    everything = {key for module, tree in trees.items() for key in defined(module, tree)}
    dead = {f"{module}.{name}" for module, name in everything - used(trees)}
    assert sorted(name for name in dead if not name.startswith("examples.")) == []
