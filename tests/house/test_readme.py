"""What the README and the documents promise to be there, is there."""

import re
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
PAGES = sorted([TOP / "README.md", *(TOP / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")  # relative targets only
QUOTED = re.compile(r"`((?:bot|handlers|storage|templates|tests|docs|bench|client|examples)/[^`\s*]*)`")


def test_the_readme_leads_with_the_two_commands_and_make_knows_them() -> None:
    readme, makefile = (TOP / "README.md").read_text(), (TOP / "Makefile").read_text()
    for command in ("demo", "test"):
        assert f"\nmake {command} " in readme
        assert re.search(rf"^{command}:", makefile, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(TOP)))
def test_every_link_and_path_of_a_page_leads_somewhere(page: Path) -> None:
    text = page.read_text()
    linked = [(page.parent / target, target) for target in LINK.findall(text)]
    quoted = [(TOP / target, target) for target in QUOTED.findall(text)]
    assert [target for path, target in (*linked, *quoted) if not path.exists()] == []
