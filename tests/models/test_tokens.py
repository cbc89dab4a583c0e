"""Words become the numbers that networks were trained with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopline.errors import ModelError
from loopline.models.tokens import BytePairs, WordPieces, _letters_of_bytes, read_tokenizer

SENTENCES = [
    "a photo of a dog",
    "Two people, playing football!",
    "naïve café — déjà-vu",
    "unbelievablyhyperlongwordsarecut",
    "北京 street 42 km/h",
    "it's 3.5°C\tand\nsnow\u200bing",
    "",
]


@pytest.fixture
def vocabulary(tmp_path: Path) -> Path:
    """A word list of BERT's form: marks, letters at the start and inside of words, some longer pieces, signs."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    pieces = ["photo", "of", "dog", "two", "people", "playing", "uni", "##cycl", "##ists", "un", "##believ", "##ably"]
    pieces += ["##hyper", "##long", "##words", "naive", "cafe", "deja", "street", "42", "snow"]
    signs = list(".,!?'/°–—-北")
    file = tmp_path / "vocab.txt"
    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    file.write_text("\n".join([*marks, *letters, *(f"##{one}" for one in letters), *signs, *pieces]) + "\n", "utf-8")
    return file


def clip_like() -> dict[str, object]:
    """A tokenizer of CLIP's form: the letters of bytes, alone and at a word's end, and a few pairs."""
    letters = _letters_of_bytes()
    merges = ["d o", "do g</w>", "c a", "ca t</w>", "' s</w>", "t h", "th e</w>"]
    pieces = [*letters, *(f"{c}</w>" for c in letters), *(m.replace(" ", "") for m in merges)]
    pieces += ["<|startoftext|>", "<|endoftext|>"]
    return {
        "normalizer": None,
        "added_tokens": [],
        "model": {
            "type": "BPE",
            "vocab": {piece: i for i, piece in enumerate(pieces)},
            "merges": merges,
            "end_of_word_suffix": "</w>",
            "unk_token": "<|endoftext|>",
        },
    }


def written(tmp_path: Path, told: object) -> Path:
    file = tmp_path / "tokenizer.json"
    file.write_text(json.dumps(told))
    return file


def test_a_word_becomes_its_longest_pieces_between_two_marks(vocabulary: Path) -> None:
    tokenizer = read_tokenizer(vocabulary)
    assert isinstance(tokenizer, WordPieces)
    names = {number: piece for piece, number in tokenizer.vocabulary.items()}
    found = [names[number] for number in tokenizer.encode("A Photo of unicyclists!", 64)]
    assert found[:4] == ["[CLS]", "a", "photo", "of"]
    assert found[4:-2] == ["uni", "##cycl", "##ists"]
    assert found[-2:] == ["!", "[SEP]"]
    assert len(tokenizer.encode("dog " * 100, 8)) == 8
    assert tokenizer.encode("dog " * 100, 8)[-1] == tokenizer.vocabulary["[SEP]"]


def test_clip_s_pairs_are_joined_in_the_order_they_were_learnt(tmp_path: Path) -> None:
    tokenizer = read_tokenizer(written(tmp_path, clip_like()))
    assert isinstance(tokenizer, BytePairs)
    names = {number: piece for piece, number in tokenizer.vocabulary.items()}
    found = [names[number] for number in tokenizer.encode("The DOG's  cat,7", 77)]
    assert found == ["<|startoftext|>", "the</w>", "dog</w>", "'s</w>", "cat</w>", ",</w>", "7</w>", "<|endoftext|>"]


def test_a_tokenizer_of_another_kind_is_refused_with_its_name(tmp_path: Path) -> None:
    for told, fault in (
        ({"model": {"type": "Unigram", "vocab": [["a", 0.1]]}}, "no list of pieces"),
        ({"model": {"type": "BPE", "vocab": {}, "merges": []}}, "kind BPE"),
        ({"nothing": 1}, "cannot be read"),
    ):
        with pytest.raises(ModelError, match=fault):
            read_tokenizer(written(tmp_path, told))
    with pytest.raises(ModelError, match="cannot be read"):
        read_tokenizer(tmp_path / "none.txt")
    (tmp_path / "short.txt").write_text("a\nb")
    with pytest.raises(ModelError, match=r"no \[UNK\]"):
        read_tokenizer(tmp_path / "short.txt").encode("a", 9)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40), st.integers(2, 20))
def test_any_text_fits_and_ends_with_its_mark(text: str, most: int) -> None:
    tokenizer = WordPieces({"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "a": 3, "##b": 4})
    found = tokenizer.encode(text, most)
    assert len(found) <= most
    assert (found[0], found[-1]) == (1, 2)
    assert found == tokenizer.encode(text.lower(), most) or not text.isascii()


def test_word_pieces_agree_with_the_tokenizers_library(vocabulary: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    other = tokenizers.BertWordPieceTokenizer(str(vocabulary), lowercase=True)
    ours = read_tokenizer(vocabulary)
    for text in SENTENCES:
        assert ours.encode(text, 512) == other.encode(text).ids, text


def test_byte_pairs_agree_with_the_tokenizers_library(tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    told = clip_like()
    split = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
    told |= {
        "version": "1.0",
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "NFC"},
                {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "},
                {"type": "Lowercase"},
            ],
        },
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": split}, "behavior": "Removed", "invert": True},
                {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True},
            ],
        },
    }
    file = written(tmp_path, told)
    other, ours = tokenizers.Tokenizer.from_file(str(file)), read_tokenizer(file)
    for text in [*SENTENCES, "the cat's dog", "we'll see ½ of 12 dogs!?'s"]:
        assert ours.encode(text, 512)[1:-1] == other.encode(text).ids, text
