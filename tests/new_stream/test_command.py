"""The command: asks on a terminal, answers by options without one, and writes nothing where something stays open."""

import os
import pty
import subprocess
import sys
from pathlib import Path

from tests.new_stream.samples import CASES, Case

CODE = "from cli.main import main; main()"


def sample(name: str, folder: Path) -> Path:
    """The file of a case."""
    case: Case = next(case for case in CASES if case.name == name)
    return case.write(folder)


def test_without_a_terminal_an_open_question_is_a_sentence_with_its_option_and_code_2(tmp_path: Path) -> None:
    path = sample("a clock without a zone", tmp_path)
    command = [sys.executable, "-c", CODE, "new-stream", "samples", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "landfall: Of which time zone is the clock of at? its values name none: say --time-zone ZONE, such as"
        " Europe/Paris, or --yes for UTC.\n"
    )


def test_on_a_terminal_it_asks_what_it_cannot_know_and_goes_on_with_the_answers(tmp_path: Path) -> None:
    path = sample("day or month first", tmp_path)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", CODE, "new-stream", "samples", str(path), "--dry-run"]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True) as running:
        os.close(theirs)
        said = b""
        for question, answer in ((b"--time-unit UNIT", b"2\n"), (b"[UTC]", b"Europe/Paris\n")):
            while question not in said:
                said += os.read(ours, 4096)
            os.write(ours, answer)
        try:
            while chunk := os.read(ours, 4096):
                said += chunk
        except OSError:  # the terminal's other end is closed
            pass
    os.close(ours)
    assert running.returncode == 0, said.decode()
    assert "format MM/DD/YYYY HH24:MI, clock of Europe/Paris" in said.decode()
    assert "would write" in said.decode()
