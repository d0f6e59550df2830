"""Put the pipeline beside the package, so that `dejavu init` can lay it out from an installed wheel."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
PIPELINE = ("dvc.yaml", "params.yaml", ".dvcignore", "stages/*.py", "presets/*.yaml",
            "data/.gitignore", ".dvc/config", ".dvc/plots_page.html", ".dvc/plots/*")  # fmt: skip


class BuildWithPipeline(build_py):
    """Copies the pipeline to ``dejavu/project`` in the built package; an editable install reads the clone."""

    def run(self) -> None:
        """Build the package, then add the files of the pipeline."""
        super().run()
        if self.editable_mode:
            return
        for pattern in PIPELINE:
            for file in ROOT.glob(pattern):
                place = Path(self.build_lib) / "dejavu" / "project" / file.relative_to(ROOT)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, place)


setup(cmdclass={"build_py": BuildWithPipeline})
