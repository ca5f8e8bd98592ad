"""Domain scores by hand: a translator that is right, one that does nothing, and one that forgets."""

import json

import numpy as np
import pytest

from kgan.callbacks import DomainScores
from kgan.callbacks.domain_scores import domain_scores
from kgan.errors import UsageError

K, N = 3, 4  # domains, contents

pytestmark = pytest.mark.once


class Bright:
    """Images whose first row is their content and whose second row is their domain."""

    def __init__(self):
        self.labels = np.tile(np.arange(K), N).astype(np.int32)
        self.class_names = ["dark", "grey", "light"]
        self.content = np.repeat(np.arange(N), K)

    def uint8(self, rows):
        return np.stack([picture(self.content[i], self.labels[i]) for i in rows])


def picture(content, domain):
    image = np.zeros((4, 4, 1), np.uint8)
    image[0], image[1] = 60 * content, 100 * domain
    return image


def classify(images):
    return np.eye(K)[np.clip(images[:, 1, 0, 0].astype(int) // 100, 0, K - 1)]


class Translator:
    def __init__(self, turn):
        self.turn = turn

    def translate(self, images, domain):
        domains = np.broadcast_to(domain, len(images))
        return np.stack([self.turn(image, int(one)) for image, one in zip(images, domains)])


COUNTERPARTS = np.repeat(np.arange(N * K).reshape(N, K), K, axis=0)


def scores(turn):
    return domain_scores(Translator(turn), Bright(), classify, COUNTERPARTS)


def test_the_truth_scores_best():
    found = scores(lambda image, domain: picture(image[0, 0, 0] // 60, domain))
    assert found["images"] == N * K
    assert (found["real_accuracy"], found["domain_accuracy"], found["identity"]) == (1.0, 1.0, 1.0)
    assert found["untouched_accuracy"] == 0.0
    assert found["l1"] == found["reconstruction"] == 0.0
    # A quarter of the rows differs, by 100 or 200 of 255: four steps of 100 and two of 200 among six.
    assert found["l1_untouched"] == pytest.approx(0.25 * (4 * 100 + 2 * 200) / 6 / 255, rel=1e-5)
    assert found["per_domain"] == {"dark": 1.0, "grey": 1.0, "light": 1.0}
    np.testing.assert_array_equal(found["confusion"], np.eye(K) * N * (K - 1))


def test_doing_nothing_reaches_no_domain():
    found = scores(lambda image, domain: image)
    assert found["domain_accuracy"] == 0.0
    assert found["l1"] == pytest.approx(found["l1_untouched"])


def test_forgetting_the_content_loses_identity():
    found = scores(lambda image, domain: picture(0, domain))
    assert found["domain_accuracy"] == 1.0
    assert found["identity"] == 1 / N
    assert found["l1"] > 0
    # The way back finds the domain, but the first of four rows is 0, not 0, 60, 120 or 180 of 255.
    assert found["reconstruction"] == pytest.approx(0.25 * 90 / 255)


def test_without_pairs_there_is_no_distance():
    found = domain_scores(Translator(lambda image, domain: image), Bright(), classify)
    assert not {"l1", "identity"} & set(found)
    json.dumps(found)


def test_the_file_is_written_after_the_last_epoch(tmp_path, capsys):
    callback = DomainScores(Bright(), lambda: classify, COUNTERPARTS)
    callback.join_run(tmp_path, 2)
    callback.set_model(Translator(lambda image, domain: picture(image[0, 0, 0] // 60, domain)))
    callback.on_train_begin()
    callback.on_epoch_end(0)
    assert callback.result is None
    callback.on_epoch_end(1)
    assert json.loads((tmp_path / "domains.json").read_text()) == callback.result
    assert "12 held-out images: real_accuracy 1.000, domain_accuracy 1.000" in capsys.readouterr().out


def test_arguments_out_of_range_are_refused():
    with pytest.raises(UsageError, match="folder must be given outside of kgan run"):
        DomainScores(Bright(), lambda: classify, epochs=1).on_train_begin()
    with pytest.raises(UsageError, match="epochs must be an integer >= 1, got 0"):
        DomainScores(Bright(), lambda: classify, epochs=0)
    with pytest.raises(UsageError, match=r"counterparts must be .12, 3., got .12, 2."):
        domain_scores(Translator(None), Bright(), classify, COUNTERPARTS[:, :2])
    unlabelled = Bright()
    unlabelled.labels = None
    with pytest.raises(UsageError, match="load them with label=COLUMN"):
        domain_scores(Translator(None), unlabelled, classify)
