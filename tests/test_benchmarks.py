"""What benchmarks share, and that docs/performance.md says what they measured."""

import json
import re
import statistics
import sys

import pytest
from conftest import CHECKOUT

sys.path.insert(0, str(CHECKOUT / "benchmarks"))
import faults
import measure
from measure import Table, in_turn, section, with_section

PAGE = (CHECKOUT / "docs" / "performance.md").read_text()
SCRIPTS = sorted(
    path.stem for path in (CHECKOUT / "benchmarks").glob("*.py") if "publish(__file__" in path.read_text()
)


def test_ways_are_measured_in_turn_after_a_warm_up():
    calls = []

    def way(name):
        return lambda: calls.append(name) or float(len(calls))

    rounds = in_turn({"a": way("a"), "b": way("b")}, repetitions=3, warm_up=2)
    assert calls == ["a", "b"] * 5
    assert rounds == {"a": [5.0, 7.0, 9.0], "b": [6.0, 8.0, 10.0]}


def test_ratios_are_taken_round_by_round():
    table = Table("Title", "ms", {"peer": [10.0, 40.0, 10.0], "ours": [5.0, 10.0, 2.0]}, "peer")
    assert table.ratios("ours") == [2.0, 4.0, 5.0]
    assert "| ours | 5 | 2-10 | **4.00** (2.00-5.00) |" in table.markdown()
    assert "peer / this" in table.markdown()
    assert "/ this" not in Table("Title", "ms", {"ours": [1.0]}).markdown()


def test_a_section_is_replaced_and_nothing_else(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- input -->\nold\n<!-- /input -->\nafter\n")
    assert with_section(page, "input", "new") == "before\n<!-- input -->\nnew\n<!-- /input -->\nafter\n"
    with pytest.raises(ValueError, match=r"page\.md: no lines <!-- step -->"):
        with_section(page, "step", "new")


def test_a_quick_run_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(measure, "PAGE", tmp_path / "page.md")
    (tmp_path / "page.md").write_text("<!-- mine -->\n<!-- /mine -->\n")
    table = Table("Title", "ms", {"ours": [1.0, 2.0]})
    measure.publish(str(tmp_path / "mine.py"), [table], quick=True)
    assert not (tmp_path / "mine.json").exists()
    measure.publish(str(tmp_path / "mine.py"), [table], quick=False)
    stored = json.loads((tmp_path / "mine.json").read_text())
    assert set(stored) >= {"command", "commit", "date", "machine", "versions", "tables"}
    assert section(stored) in (tmp_path / "page.md").read_text()
    assert "| ours | 1.5 | 1-2 |" in capsys.readouterr().out


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_page_shows_what_was_measured(name):
    stored = json.loads((CHECKOUT / "benchmarks" / f"{name}.json").read_text())
    assert f"<!-- {name} -->\n{section(stored)}\n<!-- /{name} -->\n" in PAGE
    assert "dirty" not in stored["commit"]


def test_deterministic_algorithms_take_less_than_twice_the_time():
    stored = json.loads((CHECKOUT / "benchmarks" / "deterministic.json").read_text())
    for table in stored["tables"]:
        assert statistics.median(Table(**table).ratios("deterministic")) > 0.5


def test_every_benchmark_is_run_by_make():
    made = (CHECKOUT / "Makefile").read_text()
    assert set(SCRIPTS) >= {"deterministic", "evaluation", "input", "scaling", "startup", "step"}
    assert all(f"benchmarks/{name}.py" in made or f" {name} " in made for name in SCRIPTS)


def test_the_page_of_reliability_shows_what_was_measured():
    stored = json.loads(faults.STORED.read_text())
    assert f"<!-- faults -->\n{faults.section(stored)}\n<!-- /faults -->\n" in faults.PAGE.read_text()
    assert [row["fault"] for row in stored["rows"]] == [row.fault for row in faults.ROWS]
    assert all(row["passed"] and not row["failed"] for row in stored["rows"])
    assert "dirty" not in stored["commit"]


def test_every_fault_has_its_row():
    named = {name for row in faults.ROWS for name in row.tests}
    files = {name.partition("::")[0] for name in named}
    assert all((CHECKOUT / name).exists() for name in files)
    for file in (CHECKOUT / "tests" / "faults").glob("test_*.py"):
        path = file.relative_to(CHECKOUT).as_posix()
        beginnings = [name.partition("::")[2] for name in named if name.startswith(path)]
        tests = re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
        assert all(any(test.startswith(begin) for begin in beginnings) for test in tests), path
