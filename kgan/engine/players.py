"""One Keras optimizer for the Trainer, one optimizer for each player."""

import types

import keras

from kgan.errors import UsageError


@keras.saving.register_keras_serializable("kgan")
class PlayerOptimizers(keras.optimizers.Optimizer):
    """Holds one optimizer per player behind the one optimizer that the Trainer knows.

    The Trainer's contract (`variables`, `built`, `build`, saving) is met here, so checkpoints,
    `BackupAndRestore` and the JAX state need nothing else. `iterations` counts train steps; each
    player's own optimizer counts that player's updates.

    Args:
        optimizers: dict from a player's name to a `keras.optimizers.Optimizer`, its config or its
            name. No optimizer may serve two players.
        name: name of the composite.

    Raises:
        UsageError: two players share one optimizer object.

    Example:

    >>> import keras
    >>> optimizers = PlayerOptimizers({"generator": keras.optimizers.Adam(2e-4), "discriminator": "sgd"})
    >>> sorted(optimizers.players)
    ['discriminator', 'generator']
    """

    def __init__(self, optimizers, name="player_optimizers"):
        # A callable: the composite has no learning-rate variable that one could set in vain.
        super().__init__(learning_rate=lambda: 0.0, name=name)
        players = {player: keras.optimizers.get(optimizer) for player, optimizer in optimizers.items()}
        if len({id(optimizer) for optimizer in players.values()}) < len(players):
            raise UsageError("each player needs an optimizer of its own, got one object for several players")
        self._set_players(players)
        self.partition = None

    def _set_players(self, players):
        # Sorted, because state is restored by position. A proxy, because Keras walks dicts when it
        # saves and would write every slot a second time.
        self.players = types.MappingProxyType(dict(sorted(players.items())))

    def bind(self, partition, scaled=()):
        """Gives each player its variables and builds every optimizer.

        Args:
            partition: dict from each player's name to its list of trainable variables.
            scaled: names of players whose loss is scaled, because they compute in float16.
        """
        if set(partition) != set(self.players):
            raise UsageError(
                f"optimizer must name the players {sorted(partition)}, got {sorted(self.players)}"
            )
        scaler = keras.optimizers.LossScaleOptimizer
        self._set_players(
            {
                player: scaler(optimizer)
                if player in scaled and not isinstance(optimizer, scaler)
                else optimizer
                for player, optimizer in self.players.items()
            }
        )
        self.partition = types.MappingProxyType(dict(partition))
        self.build([variable for variables in partition.values() for variable in variables])

    def build(self, variables):
        """Builds each player's optimizer over that player's variables."""
        if not self.built:
            for player, optimizer in self.players.items():
                optimizer.build(self.partition[player])
            super().build(variables)

    def restart(self, partition):
        """Replaces each player's optimizer by a fresh one with the same settings, for other variables.

        `iterations` goes on.

        Args:
            partition: dict from each player's name to its list of trainable variables.
        """
        configs = {
            player: keras.saving.serialize_keras_object(optimizer)
            for player, optimizer in self.players.items()
        }
        self._set_players({p: keras.saving.deserialize_keras_object(c) for p, c in configs.items()})
        self.partition = types.MappingProxyType(dict(partition))
        self.built = False
        self.build([variable for variables in partition.values() for variable in variables])

    @property
    def variables(self):
        own = list(self._variables)
        return own + [variable for optimizer in self.players.values() for variable in optimizer.variables]

    @property
    def learning_rate(self):
        raise UsageError(
            f"each player has a learning rate of its own: name one of {list(self.players)}, "
            "as in kgan.callbacks.PlayerSchedule"
        )

    @learning_rate.setter
    def learning_rate(self, value):
        raise UsageError(
            f"each player has a learning rate of its own: set it on optimizer.players[name] for a name "
            f"in {list(self.players)}, got {value} for all"
        )

    def finalize_variable_values(self, variables):
        """Writes averaged weights where a player's optimizer keeps them."""
        for player, optimizer in self.players.items():
            optimizer.finalize_variable_values(self.partition[player])

    def get_config(self):
        players = {
            player: keras.saving.serialize_keras_object(optimizer)
            for player, optimizer in self.players.items()
        }
        return {"optimizers": players, "name": self.name}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        players = {
            player: keras.saving.deserialize_keras_object(optimizer, custom_objects=custom_objects)
            for player, optimizer in config["optimizers"].items()
        }
        return cls(players, config["name"])
