"""Word vectors, pairs of tags and features, and the synthetic set."""

import numpy as np
import pytest

from kgan.data import TagPairs, WordVectors, load_tags, synthetic_tags
from kgan.errors import DataError, UsageError

pytestmark = pytest.mark.once
TABLE = WordVectors(["red", "heart", "cat"], [[1.0, 0.0], [0.0, 1.0], [2.0, 2.0]])


def test_a_tag_is_the_mean_of_its_known_words():
    assert TABLE.vector("red-heart").tolist() == [0.5, 0.5]
    assert TABLE.vector("red balloon").tolist() == [1.0, 0.0]
    assert TABLE.vector("balloon") is None


def test_a_table_of_tags_keeps_their_order_once():
    found = TABLE.table(["cat", "balloon", "red heart", "cat"])
    assert found.words == ["cat", "red heart"]


def test_an_image_appears_once_per_known_tag():
    pairs = TagPairs(np.eye(3), [["red", "cat"], ["balloon"], ["heart"]], TABLE, batch_size=3)
    assert (pairs.num_images, pairs.num_examples, len(pairs)) == (2, 3, 1)
    words, features = pairs[0]
    seen = {(tuple(w), int(f.argmax())) for w, f in zip(words.tolist(), features)}
    assert seen == {((1.0, 0.0), 0), ((2.0, 2.0), 0), ((0.0, 1.0), 2)}


def test_rows_choose_the_images():
    assert TagPairs(np.eye(3), [["red"]] * 3, TABLE, rows=[2], batch_size=1)[0][1].argmax() == 2


def test_order_is_a_function_of_seed_and_epoch():
    features, tags, words = synthetic_tags(50)
    one, two = (TagPairs(features, tags, words, batch_size=10, seed=3) for _ in range(2))
    assert np.array_equal(one[1][0], two[1][0])
    two.set_epoch(1)
    assert not np.array_equal(one[1][0], two[1][0])


def test_synthetic_words_do_not_depend_on_the_seed_but_images_do():
    (x, tags, words), (other, _, again) = synthetic_tags(20, seed=0), synthetic_tags(20, seed=1)
    assert np.array_equal(words.vectors, again.vectors)
    assert not np.array_equal(x, other)
    # The same tags look alike: features of images that share all tags are nearly equal.
    groups = {}
    for row, names in enumerate(tags):
        groups.setdefault(tuple(sorted(names)), []).append(x[row])
    assert all(1 <= len(names) <= 3 for names in tags)
    for rows in groups.values():
        assert np.ptp(np.stack(rows), axis=0).max() < 1.0


def test_bad_input(tmp_path):
    (tmp_path / "damaged.npz").write_bytes(b"PK nothing")
    with pytest.raises(DataError, match="must hold the arrays words and vectors"):
        WordVectors.load(tmp_path / "damaged.npz")
    with pytest.raises(UsageError, match=r"word vectors must be an .npz file, found no"):
        WordVectors.load(tmp_path / "none.npz")
    with pytest.raises(UsageError, match=r"words must be different, 1 come twice"):
        WordVectors(["a", "a"], np.eye(2))
    with pytest.raises(UsageError, match="batch_size must be from 1 to 1, all pairs, got 2"):
        TagPairs(np.eye(1), [["red"]], TABLE, batch_size=2)
    with pytest.raises(UsageError, match="tags must have at least one known word"):
        TABLE.table(["balloon"])


def test_a_file_of_vectors(tmp_path):
    np.savez(tmp_path / "words.npz", words=np.array(["a", "b"]), vectors=np.eye(2))
    assert WordVectors.load(tmp_path / "words.npz").vector("b").tolist() == [0.0, 1.0]


@pytest.mark.shared_data
def test_tags_of_a_data_set(shared):
    tags = load_tags(shared / "data" / "emoji_google", "test[:3]")
    assert len(tags) == 3
    assert all(isinstance(tag, str) for row in tags for tag in row)
    with pytest.raises(UsageError, match="tags must be a column of"):
        load_tags(shared / "data" / "emoji_google", "test[:3]", "nothing")
