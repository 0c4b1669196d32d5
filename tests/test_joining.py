"""What people read and what forges run: pages name only what exists, YAML is sound, commands and actions are pinned."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
YAML = sorted([*(ROOT / ".github").rglob("*.yml"), ROOT / ".pre-commit-config.yaml", ROOT / "compose.yaml"])
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
PAGES = [ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "docs/deploy.md", "docs/decisions/README.md")]
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))


def name(path: Path) -> str:
    """Return a path as people write it."""
    return str(path.relative_to(ROOT))


@pytest.fixture(scope="module")
def tests() -> set[str]:
    """The name of every test and every test file."""
    trees = [ast.parse(path.read_text()) for path in TESTS]
    functions = {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    return {each for each in functions if each.startswith("test_")} | {path.name for path in TESTS}


# Pages


@pytest.mark.parametrize("path", [*PAGES, *DECISIONS], ids=name)
def test_a_page_leads_only_to_files_that_exist(path: Path) -> None:
    """Links, and files of the repository that are named in backticks; what has a < in it is a pattern."""
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    links = [target.split("#")[0] for target in re.findall(r"\]\(([^)]+)\)", text) if "://" not in target]
    folders = r"backend|supabase|scripts|tests|docs|\.github"
    named = re.findall(rf"`((?:{folders})/[\w./-]+|[\w-]+\.(?:yaml|md|example))`", text)
    gone = [link for link in links if not (path.parent / link).exists()]
    gone += [file for file in named if "NNNN" not in file and not (ROOT / file).exists()]
    assert not gone


@pytest.mark.parametrize("path", DECISIONS, ids=name)
def test_a_decision_is_short_and_names_tests_that_hold_it(path: Path, tests: set[str]) -> None:
    """At most 50 lines; context, decision, consequences, and tests that exist."""
    text = path.read_text()
    assert len(text.splitlines()) <= 50
    assert re.match(rf"# {path.name[:4]}: \S", text)
    headings = re.findall(r"(?m)^## (.*)", text)
    assert headings == ["Context", "Decision", "Consequences", "Alternatives", "Held by"]
    holding = set(re.findall(r"`(test_\w+)`", text.split("## Held by")[1]))
    assert holding
    assert holding <= tests


def test_the_index_lists_every_decision() -> None:
    """In order, without gaps in the numbers."""
    listed = re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", (ROOT / "docs" / "decisions" / "README.md").read_text())
    assert listed == [path.name for path in DECISIONS]
    assert [int(file[:4]) for file in listed] == list(range(1, len(listed) + 1))


def shell_blocks(path: Path) -> list[str]:
    """Return what a page tells people to paste into a shell."""
    return re.findall(r"(?m)^ *```sh\n(.*?)^ *```", path.read_text(), flags=re.DOTALL)


@pytest.mark.parametrize("path", [ROOT / "docs" / "deploy.md", ROOT / "CONTRIBUTING.md"], ids=name)
def test_commands_of_a_page_can_be_pasted(path: Path) -> None:
    """A shell reads each block, and what a block runs of ours is there."""
    blocks = shell_blocks(path)
    assert blocks
    for block in blocks:
        assert subprocess.run(["bash", "-n"], input=block, text=True, capture_output=True).stderr == ""
        for program in re.findall(r"(?:\./|/srv/scrip/|\s)(entrypoint\.sh|scripts/[\w./]+)", block):
            assert (ROOT / program).exists(), program


def test_deploying_names_only_variables_that_exist() -> None:
    """Words in capitals are ours, or belong to those parties."""
    text = (ROOT / "docs" / "deploy.md").read_text() + (ROOT / "SECURITY.md").read_text()
    example = (ROOT / ".env.example").read_text()
    ours = set(re.findall(r"(?m)^(\w+)=", example)) | set(re.findall(r"\$\{(SCRIP_\w+)", str(yaml_of("compose.yaml"))))
    named = set(re.findall(r"\b[A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+\b", text))
    others = {"YOUR_REPOSITORY", "SCRIP_TOKEN", "JWT_SECRET", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}
    assert {each for each in named - ours - others if not each.startswith("GOTRUE_")} == set()


# What forges and hooks run


def yaml_of(path: str) -> Any:
    """Return what a YAML file says."""
    return yaml.safe_load((ROOT / path).read_text())


@pytest.mark.parametrize("path", YAML, ids=name)
def test_yaml_is_sound(path: Path) -> None:
    """It parses, to something."""
    assert isinstance(yaml.safe_load(path.read_text()), dict)


def jobs() -> dict[str, Any]:
    """Return the jobs of the workflow."""
    return dict(yaml_of(".github/workflows/ci.yml")["jobs"])


def commands() -> Iterator[list[str]]:
    """Yield every line that the workflow runs, in words."""
    for job in jobs().values():
        for step in job["steps"]:
            for line in step.get("run", "").replace("\\\n", " ").splitlines():
                yield shlex.split(re.sub(r"\$\{\{.*?\}\}", "X", line))


def test_actions_are_pinned_to_commits() -> None:
    """A tag can be moved to other code; a commit can't. The version stands beside it."""
    uses = re.findall(r"uses: (.*)", (ROOT / ".github" / "workflows" / "ci.yml").read_text())
    assert uses
    assert all(re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line) for line in uses)


def test_the_workflow_may_only_read() -> None:
    """A pull request from anybody runs it."""
    workflow = yaml_of(".github/workflows/ci.yml")
    assert workflow["permissions"] == {"contents": "read"}
    assert "pull_request_target" not in (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    assert "secrets." not in (ROOT / ".github" / "workflows" / "ci.yml").read_text()


def test_ci_runs_every_check_on_two_databases_and_two_pythons() -> None:
    """PostgreSQL 15 and 17, Python 3.11 and 3.13, with node for the official CLI, and an audit of what is shipped."""
    legs = jobs()["tests"]["strategy"]["matrix"]["include"]
    assert {leg["postgres"] for leg in legs} == {"15", "17"}
    assert {leg["python"] for leg in legs} == {"3.11", "3.13"}
    assert jobs()["tests"]["env"]["PG_BINDIR"] == "/usr/lib/postgresql/${{ matrix.postgres }}/bin"
    lines = [" ".join(words) for words in commands()]
    assert "sh .ci/run" in lines
    assert any("pip_audit" in line and "requirements.txt" in line for line in lines)
    assert any("actions/setup-node@" in str(step) for step in jobs()["tests"]["steps"])


def test_what_the_workflow_and_the_hooks_run_exists() -> None:
    """Files of ours by path; tools by the requirement that brings them."""
    entries = [
        shlex.split(hook["entry"]) for repo in yaml_of(".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]
    ]
    lines = [*commands(), *entries]
    files = {word for words in lines for word in words if re.fullmatch(r"(scripts|\.ci)/[\w/.]+", word)}
    assert {"scripts/migrate.py", "scripts/local/venv.py", "scripts/health.py", ".ci/run"} <= files
    assert all((ROOT / file).exists() for file in files)
    tools = {words[2] for words in lines if words[:2] == [".venv/bin/python", "-m"]}
    assert tools == {"ruff", "mypy"}
    pinned = (ROOT / "requirements-dev.txt").read_text()
    assert all(f"\n{tool}==" in pinned for tool in tools)


def test_hooks_need_no_network() -> None:
    """Every hook is local and runs on the project's own .venv."""
    for repo in yaml_of(".pre-commit-config.yaml")["repos"]:
        assert repo["repo"] == "local"
        assert all(hook["language"] == "system" for hook in repo["hooks"])
        assert all(hook["entry"].startswith(".venv/bin/python ") for hook in repo["hooks"])
