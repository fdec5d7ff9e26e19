"""Pools of processes end at once, whatever their processes are doing."""

import subprocess
import sys

ENDING = """
import os, struct, time
from auditor.options import Options, config_of
from auditor.rules import rules_of
from auditor.workers import end_now, new_pool

def half_a_result(pipe):
    os.write(pipe, struct.pack("!i", 1000) + b"only the beginning")
    time.sleep(60)

options = Options()
pool = new_pool(1, rules_of(options, *config_of(options)).task)
pool.submit(half_a_result, pool._result_queue._writer.fileno())
for _ in range(3):
    pool.submit(len, b"more than a pipe takes" * 100_000)
time.sleep(0.5)
end_now(pool)
pool.shutdown(wait=True, cancel_futures=True)
print("ended")
"""


def test_a_pool_ends_while_a_process_writes_its_result_and_others_are_handed_their_work(tmp_path):
    command = [sys.executable, "-c", ENDING]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout == "ended\n", done.stderr
