"""One pass over reals and fakes: the same images whoever makes them, and what it must refuse."""

import pathlib

import keras
import numpy as np
import pytest

from kgan.data import load_images
from kgan.errors import DataError, UsageError
from kgan.export import export
from kgan.export.runtime import Generator
from kgan.metrics import FID, KID, Memorization, chosen_metrics, evaluate, fid, shipped_network
from kgan.metrics.evaluation import DRAW, METRICS, draws
from kgan.metrics.features import Extractor
from kgan.models import GAN
from kgan.recipes import FASHION_MNIST_MINI

L = keras.layers


class Means(Extractor):
    """Features that need no network: the mean, the upper and the left half of each image."""

    def __init__(self, outputs=("features",), name="means"):
        super().__init__(name, "0" * 64, (6, 6), 1, outputs, "means")
        self.seen = 0

    def run(self, images):
        self.seen += len(images)
        parts = images, images[:, :3], images[:, :, :3]
        return {"features": np.stack([part.mean(axis=(1, 2, 3)) for part in parts], 1)}


def images(n, seed=0, shape=(6, 6, 1)):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)


def by_name(results):
    return {result.name: result for result in results}


def tiny_gan(seed=0):
    keras.utils.set_random_seed(seed)
    generator = keras.Sequential([keras.Input((3,)), L.Dense(784, "tanh"), L.Reshape((28, 28, 1))])
    discriminator = keras.Sequential([keras.Input((28, 28, 1)), L.Flatten(), L.Dense(1)])
    return GAN(generator, discriminator)


@pytest.mark.once
class TestArrays:
    def test_the_score_is_that_of_all_features(self):
        real, fake = images(90), images(70, seed=1)
        network = Means()
        [result] = evaluate(fake, real, ["fid"], extractor=network, batch_size=32)
        parts = [network(x)["features"] for x in (real, fake)]
        assert result.value == pytest.approx(fid(*parts), rel=1e-6)
        assert result.name == "fid[means]"
        protocol = result.protocol
        assert (protocol.real, protocol.fake, protocol.seed, protocol.size) == (90, 70, 0, (6, 6))
        assert (protocol.extractor, protocol.digest, protocol.mirror) == ("means", "0" * 64, False)
        assert len(protocol.fingerprint) == 64
        assert result.seconds > 0

    def test_batch_size_changes_nothing(self):
        values = [
            [
                r.value
                for r in evaluate(images(70, 1), images(90), ["fid"], extractor=Means(), batch_size=size)
            ]
            for size in (7, 64)
        ]
        np.testing.assert_allclose(values[0], values[1], rtol=1e-6)

    def test_one_pass_serves_all_metrics(self):
        network = Means()
        metrics = [FID(), KID(subset_size=20, subsets=3), "ms_ssim", "precision_recall"]
        metrics.remove("ms_ssim")
        found = by_name(evaluate(images(40, 1), images(50), metrics, extractor=network))
        assert network.seen == 90
        assert set(found) == {"fid[means]", "kid[means]", "precision[means]", "recall[means]"}
        assert found["kid[means]"].protocol.settings["subset_size"] == 20
        assert found["kid[means]"].std is not None

    def test_mirrored_reals_count_twice(self):
        real = images(40)
        [mirrored] = evaluate(images(30, 1), real, ["fid"], extractor=Means(), mirror=True)
        both = np.concatenate([real, real[:, :, ::-1]])
        [twice] = evaluate(images(30, 1), both, ["fid"], extractor=Means())
        assert mirrored.value == pytest.approx(twice.value)
        assert mirrored.protocol.differences(twice.protocol) == ["real", "fingerprint", "mirror"]

    def test_a_choice_of_reals_depends_on_the_seed(self):
        values = [
            evaluate(images(30, 1), images(90), ["fid"], extractor=Means(), real_n=40, seed=s)[0].value
            for s in (0, 0, 1)
        ]
        assert values[0] == values[1] != values[2]

    def test_held_out_images(self):
        found = evaluate(images(20, 1), images(30), [Memorization()], heldout=images(20, 2))
        assert "memorization_ratio[pixels]" in by_name(found)
        assert found[0].protocol.heldout is not None
        assert found[0].protocol.extractor is None

    def test_progress_ends_at_the_last_image(self):
        seen = []
        evaluate(
            images(600, 1), images(90), ["fid"], extractor=Means(), progress=lambda *args: seen.append(args)
        )
        assert seen[0] == ("real images", 64, 690)
        assert seen[-1] == ("samples", 690, 690)
        assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)


@pytest.mark.once
class TestRefused:
    def run(self, fake=None, real=None, metrics=("fid",), **options):
        fake = images(30, 1) if fake is None else fake
        return evaluate(
            fake, images(30) if real is None else real, metrics, **{"extractor": Means(), **options}
        )

    def test_fewer_images_than_features(self):
        with pytest.raises(DataError, match="real samples must be more than the 3 features"):
            self.run(real=images(3))

    def test_fewer_images_than_neighbours(self):
        with pytest.raises(DataError, match="got 3"):
            self.run(real=images(3), metrics=["precision_recall"])

    def test_features_that_are_not_finite(self):
        class Broken(Means):
            def run(self, images):
                return {"features": np.full((len(images), 2), np.nan)}

        with pytest.raises(DataError, match="features of means must be finite"):
            self.run(extractor=Broken())

    def test_colour_for_a_grey_network(self):
        colour = images(30, shape=(6, 6, 3))
        with pytest.raises(DataError, match="images must have 1 channel for the network means, got 3"):
            self.run(fake=colour, real=colour)

    @pytest.mark.parametrize("shape", [(7, 6, 1), (6, 6, 3)])
    def test_images_of_another_shape(self, shape):
        made = "x".join(map(str, shape))
        with pytest.raises(DataError, match=f"must be of one shape, got {made} and 6x6x1"):
            self.run(fake=images(30, shape=shape))

    def test_an_extractor_without_logits(self):
        with pytest.raises(
            UsageError, match="must have the output 'logits' for inception_score, means has features"
        ):
            self.run(metrics=["fid", "inception_score"])

    def test_unknown_metric(self):
        with pytest.raises(UsageError, match=r"metrics must be among fid, kid, .*, got 'fdi'"):
            self.run(metrics=["fdi"])

    @pytest.mark.parametrize("metrics", [[], ["fid", "fid"]])
    def test_no_or_repeated_metrics(self, metrics):
        with pytest.raises(UsageError, match="metrics must be different ones"):
            self.run(metrics=metrics)

    def test_more_samples_than_there_are(self):
        with pytest.raises(DataError, match="samples must be at least 31 for n=31, got 30"):
            self.run(n=31)

    def test_more_reals_than_there_are(self):
        with pytest.raises(DataError, match="real images must be at least 31"):
            self.run(real_n=31)

    def test_no_generator(self):
        with pytest.raises(UsageError, match="source must have sample"):
            self.run(fake="a folder")

    def test_no_default_network(self):
        with pytest.raises(
            UsageError, match="an extractor must be named for images other than 28x28x1, got 6x6x1"
        ):
            self.run(extractor=None)


@pytest.mark.once
def test_every_name_is_that_of_its_metric():
    assert [metric.name for metric in chosen_metrics(list(METRICS))] == list(METRICS)


class TestGenerators:
    @pytest.fixture(scope="class")
    @staticmethod
    def bundle(tmp_path_factory):
        folder = tmp_path_factory.mktemp("evaluate") / "bundle"
        return pathlib.Path(export(tiny_gan(), folder, ("onnx",)))

    def test_a_model_and_its_bundle_make_the_same_samples(self, bundle):
        ours, theirs = (np.concatenate(list(draws(s, DRAW + 20, 3))) for s in (tiny_gan(), Generator(bundle)))
        assert ours.shape == theirs.shape == (DRAW + 20, 28, 28, 1)
        assert np.abs(ours.astype(int) - theirs).max() <= 1
        assert len(np.unique(ours.reshape(len(ours), -1), axis=0)) == len(ours)

    def test_the_shipped_file_scores_as_the_keras_generator(self, bundle):
        real = load_images(FASHION_MNIST_MINI, "test[:300]", batch_size=1)
        network = shipped_network()
        scores = [
            by_name(
                evaluate(source, real, ["fid", KID(subset_size=200, subsets=5)], extractor=network, seed=1)
            )
            for source in (tiny_gan(), Generator(bundle))
        ]
        for name in ("fid[fashion_mnist]", "kid[fashion_mnist]"):
            ours, theirs = (score[name] for score in scores)
            assert theirs.value == pytest.approx(ours.value, rel=1e-3)
            assert ours.difference(theirs) == pytest.approx(0, abs=abs(1e-3 * ours.value))
        assert ours.protocol.fingerprint == real.fingerprint
        assert (ours.protocol.ema, theirs.protocol.ema) == (False, None)
