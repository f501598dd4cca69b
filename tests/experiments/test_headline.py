"""What README.md says of the results is what the results say."""

from pathlib import Path

import pytest

from gctr import experiments
from gctr.experiments.headline import BEGIN, END, update_readme


@pytest.fixture
def readme(tmp_path: Path) -> Path:
    path = tmp_path / "README.md"
    path.write_text(f"# Top\n\n{BEGIN}\nSTALE\n{END}\n\n## Below\n")
    return path


def test_the_readme_is_as_the_command_would_write_it():
    assert not update_readme(write=False), "run: gctr results readme"


def test_only_what_stands_between_the_markers_changes(run, readme):
    run.save_verdict("H1", "holds", "0.4 | of it", condition="clean")
    run.save_verdict("H1", "fails", "1.2")
    assert update_readme(readme, run.folder, write=False) and "STALE" in readme.read_text()
    assert update_readme(readme, run.folder)
    text = readme.read_text()
    assert text.startswith("# Top\n\n") and text.endswith(f"{END}\n\n## Below\n") and "STALE" not in text
    row = "| H1 | ROI-only sending cuts bandwidth | holds under conditions | clean: 0.4 \\| of it<br>1.2 |"
    assert row in text and "| not measured yet | |" not in text.split("| H2 |")[0]
    assert f"\nMade with: processor {run.record['machine']['cpu']}, " in text
    assert not update_readme(readme, run.folder)


def test_another_verdict_on_other_footage_is_told(run, readme):
    run.save_verdict("H1", "holds", "0.4")
    run.save_verdict("H2", "holds", "0.5")
    other = experiments.start("20_saves", {"dataset": "gate.mp4", "slope": 1, "sigmas": [], "fast": True})
    other.save_verdict("H1", "fails", "1.4")
    other.save_verdict("H2", "holds", "0.6")
    update_readme(readme, run.folder)
    assert "| holds (fails on gate) | 0.4 |" in readme.read_text() and "| holds | 0.5 |" in readme.read_text()


def test_a_readme_without_markers_is_left_alone(run, readme):
    readme.write_text("# Top\n")
    with pytest.raises(ValueError, match="has no place for results"):
        update_readme(readme, run.folder)
    assert readme.read_text() == "# Top\n"
