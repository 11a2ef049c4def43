"""Files of at most 600 lines, functions of at most 70."""

import unittest

import functions
import tree
from rules import Rules

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70


class Sizes(Rules):
    def test_files_are_short(self):
        long = [f"{path}: {lines} lines" for path in tree.texts()
                if (lines := tree.read(path).count("\n")) > FILE_LINES_MAX]
        self.none(long, f"more than {FILE_LINES_MAX} lines: split by what the parts do")

    def test_functions_are_short(self):
        long = [f"{path}:{line}: {name} has {lines} lines" for path in tree.files()
                for name, line, lines in functions.of_file(path) if lines > FUNCTION_LINES_MAX]
        self.none(long, f"more than {FUNCTION_LINES_MAX} lines")

    def test_the_finder_of_functions_finds_them(self):
        code = tree.code_only(
            'namespace a {\n'
            'struct b : c<int> {\n'
            '  b() : x_{1}, y_{{2}} {\n    go("}");\n  }\n'
            '  int f() const { return 1; } // }\n'
            "  char g{'{'};\n"
            '};\n'
            'template <class T>\nstruct d {};\n'
            'struct e make() {\n  return {};\n}\n'
            'constexpr row table[] = {\n  {1}, {2},\n};\n'
            'const char* raw = R"(\n}{{\n)";\n'
            'TEST_CASE("x {", "[y]") {\n  SECTION("z") {\n  }\n}\n'
            '}\n')
        found = functions.braces(code, functions._is_cpp_container)
        self.assertEqual([(name, lines) for name, _, lines in found],
                         [("b", 3), ("f", 1), ("make", 3), ("TEST_CASE", 4)])


if __name__ == "__main__":
    unittest.main()
