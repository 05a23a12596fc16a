"""Ids of stories under llama2.c vocabularies: those that the figures of edits stand on."""
import numpy as np
import pytest

import harness
import llama2c_text


@pytest.mark.parametrize("name", llama2c_text.VOCABULARIES)
def test_ids_are_those_of_the_figures(name):
    encoder = llama2c_text.vocabulary(name)
    for part, file in enumerate(("calib", "eval")):
        expected = np.fromfile(harness.asset("edit-ids", f"{name}.{file}.u16"), "<u2")
        ids = llama2c_text.story_ids(encoder, llama2c_text.stories(part)[:250])
        assert (ids[:len(expected)] == expected).all()
