"""Images for training, from the Hugging Face hub, local data sets and plain folders of image files."""

from kgan.data.images import Images, load_images

__all__ = ["Images", "load_images"]
