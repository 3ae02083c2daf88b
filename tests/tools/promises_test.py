#!/usr/bin/python3
"""What tools/promises.py finds, and what it lets pass."""
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from promises import check_promises  # noqa: E402

FILES = {
    "README.md": "It is **quick\nand kind**, `always`.\n",
    "tests/e2e/test_a.py": "def test_plain(client):\n    pass\n\n\nclass TestB:\n    x = 1\n\n    def test_inside(self):\n        pass\n",
    "tests/ring/a_test.cc": "TEST(A, Holds) {}\nTEST_F(Fixture,\n       Breaks) {\n}\n",
    "tools/bench": "",
}


class PromisesTest(unittest.TestCase):
    def found(self, *lines):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in FILES.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            page = root / "tests/promises.md"
            page.write_text("\n".join(["## [README.md](../README.md)", *lines]) + "\n")
            return [f"{line}: {what}" for line, what in check_promises(page, root)]

    def test_lets_pass_what_is_quoted_and_tested(self):
        self.assertEqual(self.found('- "quick and kind, `always`"', "  `e2e/test_a.py::test_plain`, `ring/a_test.cc::A.Holds`,",
                                    "  `ring/a_test.cc::Fixture.Breaks`", '- "quick"', "  `e2e/test_a.py::test_inside`",
                                    '- "kind"', "  `tools/bench` (run it with `--quick`)"), [])

    def test_finds_a_test_that_is_not_there(self):
        self.assertEqual(self.found('- "quick"', "  `e2e/test_a.py::test_plai`", "  `ring/a_test.cc::A.Breaks`", "  `ring/b_test.cc::A.Holds`",
                                    "  `tools/table`", "  `ring/a_test.cc::Holds`"),
                         ["3: e2e/test_a.py has no test test_plai", "4: ring/a_test.cc has no test A.Breaks", "5: ring/b_test.cc is not there",
                          "6: tools/table is not there", "7: ring/a_test.cc has no test Holds"])

    def test_finds_words_that_the_page_does_not_say(self):
        self.assertEqual(self.found('- "quick and cheap"', "  `tools/bench`"), ["2: not on the page: quick and cheap"])

    def test_finds_a_promise_without_a_test(self):
        self.assertEqual(self.found('- "quick"', "  by experience", '- "kind"'), ["2: a promise without a test", "4: a promise without a test"])

    def test_finds_a_page_that_is_not_there(self):
        self.assertEqual(self.found("## [a](../a.txt)", '- "quick"', "  `tools/bench`"), ["2: ../a.txt is not there", "3: not on the page: quick"])

    def test_the_page_of_this_repository_keeps_its_word(self):
        page = ROOT / "tests/promises.md"
        self.assertEqual(list(check_promises(page, ROOT)), [])
        self.assertGreater(page.read_text().count('\n- "'), 100)


if __name__ == "__main__":
    unittest.main()
