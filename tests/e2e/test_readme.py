"""What the pages for users show to be typed is taken as it stands there."""

import re
import subprocess

import pytest

from servers import BINARY, PATIENCE, ROOT

PAGES = ["README.md", "proxy/clients.md"]
# What a page shows a part of stands in such a configuration.
AROUND = {
    "listeners": "listeners: [{name: web, listen: 127.0.0.1:0, pool: main}]",
    "pools": "pools: {main: {nodes: [{address: 127.0.0.1:7001}]}, limiter: {nodes: [{address: 127.0.0.1:7002}]}}",
}
NUTCRACKER = "alpha:\n  listen: 127.0.0.1:22121\n  hash: fnv1a_64\n  distribution: ketama\n  servers: [127.0.0.1:7001:1 a]\n"


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)


CONFIGURATIONS = [(page, block) for page in PAGES for block in blocks(page, "yaml")]


def test_the_pages_show_configurations():
    assert {page for page, _ in CONFIGURATIONS} == set(PAGES)


@pytest.mark.parametrize("page, block", CONFIGURATIONS)
def test_every_configuration_on_a_page_passes_the_check(tmp_path, page, block):
    file = tmp_path / "ringproxy.yaml"
    missing = [lines for name, lines in AROUND.items() if not re.search(rf"^{name}:", block, re.MULTILINE)]
    file.write_text("\n".join([block, *missing]))
    done = subprocess.run([BINARY, "--config", file, "--check"], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_way_from_nutcracker(tmp_path):
    (tmp_path / "nutcracker.yml").write_text(NUTCRACKER)
    line = next(line for block in blocks("README.md", "sh") for line in block.splitlines() if "--import" in line)
    done = subprocess.run(["sh", "-c", line.replace("ringproxy --", f"{BINARY} --")], cwd=tmp_path, capture_output=True, text=True,
                          timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert "algorithm: twemproxy" in (tmp_path / "ringproxy.yaml").read_text()
