"""Spark's own files do not outlive their process for long."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from landing_stream import scratch
from landing_stream.scratch import scratch_folder

HOLD = """
import sys, time
from pathlib import Path
from landing_stream.scratch import scratch_folder
with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "file").write_text("content")
    print(folder, flush=True)
    time.sleep(600)
"""


def test_a_folder_goes_with_its_block(tmp_path: Path) -> None:
    with scratch_folder(tmp_path / "new") as folder:
        (folder / "file").touch()
    assert [*(tmp_path / "new").iterdir()] == []


def test_what_a_killed_process_left_goes_with_the_next_start_and_what_is_in_use_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch, "_YOUNGEST_LEFTOVER_SECONDS", -60.0)
    holders = [
        subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        killed, living = (Path(holder.stdout.readline().strip()) for holder in holders if holder.stdout)
        os.kill(holders[0].pid, signal.SIGKILL)
        holders[0].wait()
        assert (killed / "file").exists()
        with scratch_folder(tmp_path):
            assert not killed.exists()
            assert (living / "file").exists()
    finally:
        for holder in holders:
            holder.kill()
            holder.communicate()


def test_a_jvm_that_outlived_its_driver_ends_with_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch, "_YOUNGEST_LEFTOVER_SECONDS", -60.0)
    folder = tmp_path / "spark-left"
    folder.mkdir()
    command = [sys.executable, "-c", "print(flush=True); import time; time.sleep(600)", f"-Djava.io.tmpdir={folder}"]
    jvm = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert jvm.stdout is not None
        jvm.stdout.readline()  # it runs: a process that is being started shows no command line for a moment
        with scratch_folder(tmp_path):
            assert jvm.wait(30) == -signal.SIGKILL
    finally:
        jvm.kill()
        jvm.communicate()


def test_a_folder_made_a_moment_ago_may_be_of_a_process_that_starts(tmp_path: Path) -> None:
    fresh = tmp_path / "spark-fresh"
    fresh.mkdir()
    with scratch_folder(tmp_path):
        assert fresh.exists()
