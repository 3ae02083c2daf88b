"""The programs to measure."""
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def build(*programs):
    """Builds them in the release preset; the folder in which they are."""
    folder = ROOT / "build" / "release"
    if not (folder / "build.ninja").exists():
        subprocess.run(["cmake", "--preset", "release"], cwd=ROOT, check=True, stdout=sys.stderr)
    subprocess.run(["cmake", "--build", folder, "--target", *programs], check=True, stdout=sys.stderr)
    return folder / "bin"
