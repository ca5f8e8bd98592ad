"""Every system fulfils the contract, on the backend of this run."""

import keras
import pytest

import kgan.models
from kgan import contract
from kgan.engine import AdversarialModel

SYSTEMS = [getattr(kgan.models, name) for name in kgan.models.__all__]


@pytest.mark.parametrize("check", [*contract.CHECKS, contract.exports], ids=lambda check: check.__name__)
@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.__name__)
def test_contract(system, check):
    check(system.tiny)


def test_every_public_system_is_covered():
    public = {
        value
        for value in vars(kgan.models).values()
        if isinstance(value, type) and issubclass(value, AdversarialModel)
    }
    assert public == set(SYSTEMS)


def test_a_model_that_forgets_an_argument_fails():
    class Forgetful(kgan.models.GAN):
        def get_config(self):
            config = super().get_config()
            config.pop("prior")
            return config

    with pytest.raises(AssertionError, match="lacks \\['prior'\\]"):
        contract.config(Forgetful.tiny)


def test_an_update_that_moves_both_players_fails():
    class Greedy(kgan.models.GAN):
        def apply_gradients(self, player, gradients):
            super().apply_gradients(player, gradients)
            weight = self.generator.trainable_weights[0]
            weight.assign(weight + 0.1)

    with pytest.raises(AssertionError, match="must move"):
        contract.updates(Greedy.tiny)


def test_a_shared_network_fails():
    class Shared(kgan.models.GAN):
        def players(self):
            return {"discriminator": [self.discriminator], "generator": [self.generator, self.discriminator]}

    with pytest.raises(AssertionError, match="trained by both"):
        contract.players(Shared.tiny)


def test_unseeded_state_fails_resume():
    @keras.saving.register_keras_serializable("test_contract")
    class Wandering(kgan.models.GAN):
        count = 0

        def latents(self, count):
            # Noise that depends on something no checkpoint holds.
            Wandering.count += 1
            return super().latents(count) + 0.01 * Wandering.count

    with pytest.raises(AssertionError, match="resum"):
        contract.resume(Wandering.tiny)


def test_check_model_takes_builders_only():
    with pytest.raises(ValueError, match="takes a class with tiny"):
        contract.check_model(3)


def test_backend_is_the_one_asked_for():
    assert keras.backend.backend() in ("tensorflow", "torch", "jax")
