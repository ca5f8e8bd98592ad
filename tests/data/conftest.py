import PIL.Image
import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """Decoded images of one test are not seen by the next, and nothing is left in the user's cache."""
    import datasets

    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", folder)
    return folder


@pytest.fixture
def flat_images(tmp_path):
    """Writes images of one colour each: `flat_images(folder, levels, size, mode)`."""

    def write(folder="images", levels=range(10), size=(8, 8), mode="L"):
        root = tmp_path / folder
        root.mkdir(parents=True)
        for level in levels:
            PIL.Image.new("L", size, level).convert(mode).save(root / f"{level:03d}.png")
        return root

    return write
