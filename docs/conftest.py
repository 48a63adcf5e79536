"""What the examples of the gallery find in their folder: portraits in the public domain."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _pictures(request, tmp_path, monkeypatch):
    """Lay pictures and a clip into a folder of their own, and go there."""
    if request.node.path.name != "gallery.md":
        return
    cv2 = pytest.importorskip("cv2", reason="portraits: OpenCV is not installed")
    matplotlib = pytest.importorskip("matplotlib", reason="portraits: matplotlib is not installed")
    skimage = pytest.importorskip("skimage", reason="portraits: scikit-image is not installed")
    sample = Path(matplotlib.get_data_path(), "sample_data", "grace_hopper.jpg")
    hopper = cv2.imread(str(sample))[:512, :512]
    collins = cv2.imread(str(Path(skimage.__file__).parent / "data" / "astronaut.png"))
    folder = tmp_path / "pictures"
    folder.mkdir()
    cv2.imwrite(str(folder / "hopper.jpg"), hopper)
    cv2.imwrite(str(folder / "two.jpg"), cv2.hconcat([hopper, collins]))
    clip = cv2.VideoWriter(str(tmp_path / "clip.avi"), 0x47504A4D, 10, (512, 512))  # MJPG
    for number in range(12):  # in focus in the middle
        width = 2 * abs(number - 6) + 1
        clip.write(cv2.GaussianBlur(collins, (width, width), 0))
    clip.release()
    monkeypatch.chdir(tmp_path)
