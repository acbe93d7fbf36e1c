"""The progress line tells the truth."""

import io

from vitruvian.datagen.pipeline.progress import Progress, readable_bytes, readable_seconds


def test_words() -> None:
    assert [readable_seconds(s) for s in (5, 95, 3700)] == ["0:05", "1:35", "1:01:40"]
    assert [readable_bytes(b) for b in (12, 1_234_567, 5e12)] == ["12 B", "1.2 MB", "5.00 TB"]


def test_rates_count_what_this_run_made() -> None:
    now = [0.0]
    stream = io.StringIO()
    progress = Progress(total_subjects=100, done_subjects=40, stream=stream, clock=lambda: now[0])
    now[0] = 20.0
    progress.add(subjects=10, views=40, num_bytes=5_000_000)
    assert stream.getvalue() == "datagen 50/100 subjects, 0.50 subjects/s, 2.0 views/s, 5.0 MB, 1:40 left\n"
    now[0] = 21.0
    progress.add(subjects=1, views=4, num_bytes=0)
    assert stream.getvalue().count("\n") == 1  # not on a terminal: only now and then
    now[0] = 22.0
    progress.add(subjects=49, views=0, num_bytes=0)
    progress.close()
    assert "100/100" in stream.getvalue() and stream.getvalue().endswith("0:00 left\n")


def test_a_terminal_gets_one_line_redrawn() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    progress = Progress(total_subjects=2, stream=stream)
    progress.add(subjects=1, views=1, num_bytes=1)
    progress.add(subjects=1, views=1, num_bytes=1)
    progress.close()
    assert stream.getvalue().count("\r") == 2 and stream.getvalue().count("\n") == 1
