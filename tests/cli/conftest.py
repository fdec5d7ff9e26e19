"""The command line as a user starts it: a process of its own in an empty folder."""

import os
import subprocess
import sys

import pytest


@pytest.fixture
def run(tmp_path):
    def run(*arguments, stdin=None, env=None, text=False):
        command = [sys.executable, "-m", "auditor", *map(str, arguments)]
        variables = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(tmp_path)} | (env or {})
        return subprocess.run(
            command, cwd=tmp_path, input=stdin, env=variables, capture_output=True, text=text, timeout=60, check=False
        )

    return run
