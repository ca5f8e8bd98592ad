"""Semi-supervised losses against numbers worked out by hand, the same on every backend."""

import keras
import numpy as np
import pytest
from keras import ops

from kgan import losses
from kgan._backend import value_and_grad
from kgan.errors import UsageError
from kgan.losses import class_logits, class_loss, class_loss_with_fake, real_score

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(0.0, 3.0, (6, 4)).astype("float32")
LABELS = np.array([0, 3, 1, -1, 2, -1], "int32")
LOG10, LOG11 = 2.302585093, 2.397895273


def tensor(values):
    return ops.convert_to_tensor(values)


def softmax(values):
    exponents = np.exp(values.astype("float64"))
    return exponents / exponents.sum(axis=1, keepdims=True)


def test_zero_logits_of_ten_classes():
    zeros = tensor(np.zeros((3, 10), "float32"))
    score = float(real_score(zeros)[0])
    assert score == pytest.approx(LOG10, abs=1e-6)
    assert float(ops.sigmoid(score)) == pytest.approx(10 / 11, abs=1e-6)
    assert float(class_loss(zeros, tensor(np.array([0, 5, 9])))) == pytest.approx(LOG10, abs=1e-6)
    assert float(class_loss_with_fake(zeros, tensor(np.array([0, 5, 9])))) == pytest.approx(LOG11, abs=1e-6)


def test_the_k_form_is_the_softmax_over_k_plus_one_with_fake_logit_zero():
    explicit = softmax(np.concatenate([LOGITS, np.zeros((6, 1), "float32")], axis=1))
    score = ops.convert_to_numpy(real_score(tensor(LOGITS)))
    np.testing.assert_allclose(1 / (1 + np.exp(-score.astype("float64"))), 1 - explicit[:, 4], atol=1e-6)
    known = LABELS >= 0
    expected = -np.log(explicit[np.arange(6), LABELS])[known].mean()
    assert float(class_loss_with_fake(tensor(LOGITS), tensor(LABELS))) == pytest.approx(expected, abs=1e-5)
    given_real = explicit[:, :4] / explicit[:, :4].sum(axis=1, keepdims=True)
    expected = -np.log(given_real[np.arange(6), LABELS])[known].mean()
    assert float(class_loss(tensor(LOGITS), tensor(LABELS))) == pytest.approx(expected, abs=1e-5)


def test_the_explicit_form_is_the_k_form_and_ignores_a_constant():
    fake = RNG.normal(size=(6, 1)).astype("float32")
    for shift in (0.0, 7.0):
        outputs = np.concatenate([LOGITS + fake, fake], axis=1) + np.float32(shift)
        np.testing.assert_allclose(ops.convert_to_numpy(class_logits(tensor(outputs), 4)), LOGITS, atol=1e-5)
    np.testing.assert_array_equal(ops.convert_to_numpy(class_logits(tensor(LOGITS), 4)), LOGITS)


def test_a_constant_on_k_logits_moves_reality_and_not_the_class():
    shifted = tensor(LOGITS + 2.0)
    np.testing.assert_allclose(
        real_score(shifted), ops.convert_to_numpy(real_score(tensor(LOGITS))) + 2.0, rtol=1e-5
    )
    labels = tensor(LABELS)
    assert float(class_loss(shifted, labels)) == pytest.approx(
        float(class_loss(tensor(LOGITS), labels)), abs=1e-5
    )


def test_both_forms_of_minus_log_d():
    score = real_score(tensor(LOGITS))
    np.testing.assert_allclose(
        ops.convert_to_numpy(ops.softplus(-score)),
        ops.convert_to_numpy(ops.softplus(score) - score),
        atol=1e-6,
    )


def test_large_logits_do_not_overflow():
    for size in (-300.0, 300.0, 1e4):
        large = tensor(np.full((2, 10), size, "float32"))
        assert float(real_score(large)[0]) == pytest.approx(size + LOG10, rel=1e-6)
        assert np.isfinite(float(class_loss_with_fake(large, tensor(np.array([1, 2])))))


def test_no_label_at_all_is_no_loss():
    assert float(class_loss(tensor(LOGITS), tensor(np.full(6, -1, "int32")))) == 0.0
    weight = keras.Variable(LOGITS)

    def loss():
        return class_loss(ops.convert_to_tensor(weight), tensor(np.full(6, -1, "int32"))), None

    np.testing.assert_array_equal(value_and_grad(loss, [weight])[1][0], np.zeros_like(LOGITS))


@pytest.mark.parametrize("loss", [losses.SemiSupervised(), losses.OdenaLoss()], ids=repr)
def test_discriminator_at_zero(loss):
    zeros = tensor(np.zeros((5, 10), "float32"))
    score = real_score(zeros)
    value, logs = loss.discriminator(zeros, tensor(np.array([0, 1, 2, -1, -1])), score, score)
    labelled = LOG11 if isinstance(loss, losses.OdenaLoss) else LOG10
    assert float(logs["class_loss"]) == pytest.approx(labelled, abs=1e-6)
    # -log D = log(11/10), -log(1 - D) = log 11
    assert float(value) == pytest.approx(labelled + 0.5 * ((LOG11 - LOG10) + LOG11), abs=1e-6)


def test_one_class_is_the_ordinary_gan_halved():
    real, fake = (RNG.normal(size=(6, 1)).astype("float32") for _ in range(2))
    labels = tensor(np.full(6, -1, "int32"))
    found, _ = losses.SemiSupervised().discriminator(
        tensor(real), labels, real_score(tensor(real)), real_score(tensor(fake))
    )
    ordinary = losses.NonSaturating(discriminator_weight=0.5).discriminator(tensor(real), tensor(fake))
    assert float(found) == pytest.approx(float(ordinary), abs=1e-6)


def test_no_weight_is_the_labels_alone():
    loss = losses.SemiSupervised(unlabelled_weight=0.0)
    value, logs = loss.discriminator(tensor(LOGITS), tensor(LABELS), None, None)
    assert (
        float(value)
        == float(logs["class_loss"])
        == pytest.approx(float(class_loss(tensor(LOGITS), tensor(LABELS))))
    )


@pytest.mark.parametrize(("power", "expected"), [(2, (4.0 + 1.0 + 0.0) / 3), (1, (2.0 + 1.0 + 0.0) / 3)])
def test_feature_matching(power, expected):
    fake = np.array([[1.0, 0.0, 5.0], [3.0, 0.0, 5.0]], "float32")  # mean 2, 0, 5
    real = np.array([[0.0, 1.0, 4.0], [0.0, 1.0, 6.0], [0.0, 1.0, 5.0]], "float32")  # mean 0, 1, 5
    loss = losses.FeatureMatching(power)
    assert float(loss.generator(tensor(fake), tensor(real))) == pytest.approx(expected, rel=1e-6)
    # Maps count by position and channel.
    maps = loss.generator(tensor(fake.reshape(2, 1, 3, 1)), tensor(real.reshape(3, 1, 3, 1)))
    assert float(maps) == pytest.approx(expected, rel=1e-6)


def test_equal_feature_means_give_no_gradient_and_reals_get_none():
    fake, real = keras.Variable([[1.0], [3.0]]), keras.Variable([[2.0], [2.0]])

    def loss():
        features = (
            ops.convert_to_tensor(fake),
            ops.convert_to_tensor(real) + 0.0 * ops.convert_to_tensor(fake),
        )
        return losses.FeatureMatching().generator(*features), None

    assert float(ops.convert_to_numpy(loss()[0])) == 0.0
    np.testing.assert_array_equal(ops.convert_to_numpy(value_and_grad(loss, [fake])[1][0]), np.zeros((2, 1)))
    fake.assign([[2.0], [4.0]])
    # d mean^2 = 2 * gap / n = 1 each; nothing through the reals.
    np.testing.assert_allclose(value_and_grad(loss, [fake])[1][0], np.ones((2, 1)), rtol=1e-6)


def test_generators_of_the_paper_on_scores():
    score = real_score(tensor(np.zeros((4, 10), "float32")))
    # -softplus(log 10) = -log 11, for minibatch discrimination and for Odena's G
    assert float(losses.OdenaLoss().generator(score, None)) == pytest.approx(-LOG11, abs=1e-6)
    non_saturating = losses.SemiSupervised(losses.NonSaturating())
    assert float(non_saturating.generator(score, None)) == pytest.approx(LOG11 - LOG10, abs=1e-6)
    assert not non_saturating.matches_features
    assert losses.SemiSupervised().matches_features


@pytest.mark.parametrize(
    "loss",
    [
        losses.SemiSupervised(losses.FeatureMatching(1), 0.5, 0.25),
        losses.OdenaLoss(losses.NonSaturating(real_target=0.9), 2.0, 0.0),
    ],
    ids=repr,
)
def test_configuration_round_trip(loss):
    config = keras.saving.serialize_keras_object(loss)
    assert repr(keras.saving.deserialize_keras_object(config)) == repr(loss)


@pytest.mark.once
def test_wrong_arguments_say_the_rule_and_the_value():
    with pytest.raises(UsageError, match="power must be 1 or 2, got 3"):
        losses.FeatureMatching(3)
    with pytest.raises(UsageError, match="objective must be FeatureMatching or an AdversarialLoss, got str"):
        losses.SemiSupervised("feature_matching")
    with pytest.raises(UsageError, match=r"unlabelled_weight must be finite and at least 0, got -1"):
        losses.SemiSupervised(unlabelled_weight=-1)
    with pytest.raises(UsageError, match="a classifier of 4 classes has 4 outputs, or one more, got 6"):
        class_logits(ops.zeros((2, 6)), 4)
