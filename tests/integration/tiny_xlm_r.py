"""Builds a tiny XLM-R text model (random weights) with its own SentencePiece-like tokenizer, as sentence-transformers
loads it, and notes the vectors of some texts.

    python tiny_xlm_r.py FOLDER

Runs where torch is. `FOLDER/vectors.npy` are the unit vectors of the lines of `FOLDER/texts.json`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

WIDTH = 32


def build_tokenizer(folder: Path, texts: list[str]) -> None:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.UnigramTrainer(vocab_size=300, special_tokens=special, unk_token="<unk>")
    tokenizer.train_from_iterator(texts * 20, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = {"bos": "<s>", "cls": "<s>", "eos": "</s>", "sep": "</s>", "pad": "<pad>", "unk": "<unk>", "mask": "<mask>"}
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=62,
        model_input_names=["input_ids", "attention_mask"],
        **{f"{name}_token": token for name, token in names.items()},
    )
    fast.save_pretrained(folder)


def build(folder: Path) -> None:
    import numpy as np
    import torch
    from sentence_transformers import SentenceTransformer, models
    from transformers import AutoTokenizer, XLMRobertaConfig, XLMRobertaModel

    texts = json.loads((folder / "texts.json").read_text(encoding="utf-8"))
    transformer = folder / "transformer"
    transformer.mkdir()
    build_tokenizer(transformer, texts)
    torch.manual_seed(3)
    XLMRobertaModel(
        XLMRobertaConfig(
            vocab_size=len(AutoTokenizer.from_pretrained(transformer)),
            hidden_size=WIDTH,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=66,
            type_vocab_size=1,
            bos_token_id=0,
            pad_token_id=1,
            eos_token_id=2,
        )
    ).save_pretrained(transformer)
    words = models.Transformer(str(transformer), max_seq_length=62)
    model = SentenceTransformer(modules=[words, models.Pooling(WIDTH)], device="cpu")
    model.save(str(folder / "model"))
    # A card as published models have it; what `save` writes names no languages.
    (folder / "model" / "README.md").write_text("---\nlanguage:\n- en\n- it\n- ar\n---\n# tiny\n", encoding="utf-8")
    np.save(folder / "vectors.npy", model.encode(texts, normalize_embeddings=True))


if __name__ == "__main__":
    build(Path(sys.argv[1]))
