"""The tree check refuses documents and data that do not say the truth about the tree."""
import hashlib
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

CHECK = Path(__file__).resolve().parent.parent / "check-tree"


def sum_of(line):
    return hashlib.sha256((line + "\n").encode()).hexdigest()


TREE = {
    "ci/floors.txt": "[floors]\n0 framework/base :\n1 framework/model : framework/base\n",
    "ci/run": "#!/bin/bash\n",
    "framework/README.md": "| folder | floor | for |\n|---|---|---|\n| `base/` | 0 | ground |\n| `model/` | 1 | data |\n",
    "framework/base/result.h": "#pragma once\n",
    "framework/model/verdict.h": "#pragma once\n",
    "plugins/README.md": "| folder | proves |\n|---|---|\n| `steps/flow/` | coolant flows |\n",
    "plugins/steps/flow/flow.cc": "\n",
    "plugins/steps/_template/step.cc": "\n",
    "README.md": "See [the map](framework/README.md), [docs](https://example.org/x) and `ci/run`.\n",
    "third_party/norm/LICENSE": "free\n",
    "third_party/norm/README.md": "from there\n",
    "third_party/norm/norm.json": "{}\n",
    "third_party/norm/SHA256SUMS": f"{sum_of('free')}  LICENSE\n{sum_of('{}')}  norm.json\n",
    "recipes/recipe.schema.json": '{"$schema": "http://json-schema.org/draft-07/schema#"}',
    "recipes/a.yaml": "# yaml-language-server: $schema=recipe.schema.json\nrecipe: a\n",
}


def check(changed=None, removed=(), executable=("ci/run",)):
    with tempfile.TemporaryDirectory() as root:
        for name, text in {**TREE, **(changed or {})}.items():
            if name in removed:
                continue
            path = Path(root, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            os.chmod(path, 0o755 if name in executable else 0o644)
        done = subprocess.run([sys.executable, CHECK, "--root", root], capture_output=True, text=True)
        return done.returncode, done.stdout


class TreeTest(unittest.TestCase):
    def refused(self, sentence, **how):
        code, out = check(**how)
        self.assertEqual(code, 1, out)
        self.assertIn(sentence, out)
        self.assertEqual(len(out.splitlines()), 1, out)

    def test_a_true_tree_passes(self):
        self.assertEqual(check(), (0, ""))

    def test_a_folder_the_table_lacks_is_refused(self):
        self.refused("the folder table lacks `store/`", changed={"framework/store/ledger.h": "\n"})

    def test_a_folder_only_the_table_has_is_refused(self):
        table = TREE["framework/README.md"] + "| `io/` | 2 | world |\n"
        self.refused("framework/README.md:5: the folder table names `io/`", changed={"framework/README.md": table})

    def test_a_wrong_floor_is_refused(self):
        table = TREE["framework/README.md"].replace("| 1 |", "| 2 |")
        self.refused("stands on floor 1 in ci/floors.txt, not 2", changed={"framework/README.md": table})

    def test_a_plugin_nobody_describes_is_refused(self):
        self.refused("lacks `steps/power/`", changed={"plugins/steps/power/power.cc": "\n"})

    def test_a_dead_link_and_a_dead_path_are_refused(self):
        self.refused("README.md:1: the link to docs/x.md leads nowhere", changed={"README.md": "[x](docs/x.md)\n"})
        self.refused("README.md:2: names ci/walk", changed={"README.md": "\nRun `ci/walk`.\n"})

    def test_broken_json_and_a_schema_of_another_draft_are_refused(self):
        self.refused("reports/x.json:2: is no JSON", changed={"reports/x.json": '{\n"a":}'})
        self.refused("does not say draft-07", changed={"recipes/recipe.schema.json": '{"$schema": "2020-12"}'})

    def test_a_recipe_no_editor_can_help_with_is_refused(self):
        self.refused("recipes/a.yaml:1: begins without", changed={"recipes/a.yaml": "recipe: a\n"})
        moved = TREE["recipes/a.yaml"].replace("recipe.schema", "gone.schema")
        self.refused("its schema gone.schema.json is not there", changed={"recipes/a.yaml": moved})

    def test_what_others_wrote_is_refused_when_it_was_changed(self):
        self.refused("third_party/norm/norm.json: was changed", changed={"third_party/norm/norm.json": "{ }\n"})
        self.refused("third_party/norm/more.json: is not in SHA256SUMS", changed={"third_party/norm/more.json": "{}\n"})
        self.refused("third_party/norm/norm.json: is in SHA256SUMS and not there", removed=("third_party/norm/norm.json",))
        self.refused("third_party/norm: has no LICENSE", removed=("third_party/norm/LICENSE",),
                     changed={"third_party/norm/SHA256SUMS": f"{sum_of('{}')}  norm.json\n"})

    def test_a_file_that_outgrew_its_idea_is_refused(self):
        self.refused("has 700 lines", changed={"framework/base/result.h": "\n" * 700})

    def test_a_script_that_cannot_run_is_refused(self):
        self.refused("is not executable", executable=())

    def test_a_place_of_one_machine_is_refused(self):
        self.refused("framework/base/result.h:2: speaks of one machine", changed={"framework/base/result.h": "\n// /home/ann/kiln\n"})


if __name__ == "__main__":
    unittest.main()
