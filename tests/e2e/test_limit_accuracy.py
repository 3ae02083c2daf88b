"""tools/limit_accuracy runs and says what it should; what it measures is no test."""

import json
import pathlib
import subprocess

from servers import BINARY

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools" / "limit_accuracy"


def test_the_simulated_part_gives_a_table_a_chart_and_figures(tmp_path):
    chart, figures = tmp_path / "chart.html", tmp_path / "figures.json"
    said = subprocess.run([TOOL, "simulated", "--seconds", "0.5", "--bin", pathlib.Path(BINARY).parent, "--chart", chart,
                           "--json", figures], capture_output=True, text=True, check=False)
    assert said.returncode in (0, 1), said.stderr  # 1: so short a load may miss a target.
    assert "32 proxies" in said.stdout and "goodput" in said.stdout
    page = chart.read_text()
    assert page.count("<svg") == 16 and page.endswith("</html>\n")
    assert "http" not in page and "src=" not in page  # Nothing comes from elsewhere.
    read = json.loads(figures.read_text())
    assert not read["failures"]
    assert {row["limiter"] for row in read["rows"]} >= {"lease", "static split"}
