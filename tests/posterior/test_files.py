"""Posteriors on disk: what comes back is what went out, and a failed write leaves the old file as it was."""

from __future__ import annotations

import gc
import os
import stat
import weakref

import h5py
import numpy as np
import pytest
import xarray as xr

from bayesineq.design.matrix import design
from bayesineq.disclosure.cover import cover
from bayesineq.errors import PosteriorError
from bayesineq.examples import example
from bayesineq.inference.fit import fit
from bayesineq.model.read_card import read_card
from bayesineq.posterior.expected import expected, population
from bayesineq.posterior.files import load, save
from bayesineq.posterior.verdict import verdict


def test_what_was_saved_is_loaded(post, tmp_path):
    path = save(post, tmp_path / "post.nc")
    back = load(path)
    xr.testing.assert_identical(back, post)
    for name, variable in post["posterior"].data_vars.items():
        assert back["posterior"][name].dtype == variable.dtype
    assert population(back).equals(population(post))
    np.testing.assert_array_equal(expected(back, by="area"), expected(post, by="area"))
    assert [p.name for p in tmp_path.iterdir()] == ["post.nc"]


def test_large_arrays_are_compressed_and_small_ones_are_not(make, small_card, table, tmp_path):
    tree = make(table, small_card, chains=1, draws=3000)
    path = save(tree, tmp_path / "post.nc")
    with h5py.File(path) as file:
        assert file["posterior/place"].compression == "gzip"
        assert file["posterior/intercept"].compression is None
    xr.testing.assert_identical(load(path), tree)


def test_a_file_that_is_replaced_is_replaced_whole(post, make, table, tmp_path):
    path = save(post, tmp_path / "post.nc")
    other = make(table, draws=9)
    save(other, path)
    xr.testing.assert_identical(load(path), other)


def test_a_write_that_fails_leaves_the_old_file(post, tmp_path, monkeypatch):
    path = save(post, tmp_path / "post.nc")
    before = path.read_bytes()

    def full(handle, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(PosteriorError, match=r"cannot be written .No space left on device.*as it was"):
        save(post, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["post.nc"]


def test_an_interrupted_write_leaves_nothing_behind(post, tmp_path, monkeypatch):
    def interrupted(self, target, **_):
        raise KeyboardInterrupt

    monkeypatch.setattr(xr.DataTree, "to_netcdf", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save(post, tmp_path / "post.nc")
    assert list(tmp_path.iterdir()) == []


def test_permissions_are_those_of_any_new_file(post, tmp_path):
    path = save(post, tmp_path / "post.nc")
    plain = tmp_path / "plain"
    plain.touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_files_that_are_no_posterior(post, tmp_path):
    with pytest.raises(PosteriorError, match=r"there is no file .*gone\.nc"):
        load(tmp_path / "gone.nc")
    with pytest.raises(PosteriorError, match="there is no folder"):
        save(post, tmp_path / "nowhere" / "post.nc")
    text = tmp_path / "text.nc"
    text.write_text("parameter,mean\n")
    with pytest.raises(PosteriorError, match="cut short, damaged or of another kind"):
        load(text)
    whole = save(post, tmp_path / "post.nc").read_bytes()
    for keep in (0, 1, 100, len(whole) // 2, len(whole) - 100):
        short = tmp_path / "short.nc"
        short.write_bytes(whole[:keep])
        with pytest.raises(PosteriorError, match="cut short, damaged or of another kind"):
            load(short)


def test_foreign_and_altered_posteriors(post, tmp_path):
    foreign = tmp_path / "foreign.nc"
    xr.Dataset({"x": ("t", [1.0])}).to_netcdf(foreign, engine="h5netcdf")
    with pytest.raises(PosteriorError, match=r"lacks the groups \['posterior', 'constant_data'\]"):
        load(foreign)

    def altered(change):
        tree = post.copy(deep=True)
        change(tree)
        path = tmp_path / "altered.nc"
        tree.to_netcdf(path, engine="h5netcdf")
        return path

    def no_card(tree):
        del tree.attrs["card"]

    def bad_card(tree):
        tree.attrs["card"] = "name = 3 4"

    def no_term(tree):
        tree["posterior"] = tree["posterior"].to_dataset().drop_vars("both")

    def wrong_dims(tree):
        tree["posterior"] = tree["posterior"].to_dataset().assign(place=tree["posterior"]["place"].mean("area"))

    def wrong_codes(tree):
        tree["constant_data"]["area"][0] = 7

    for change, match in (
        (no_card, "attribute `card`"),
        (bad_card, "is not TOML"),
        (no_term, "variable 'both' of card 'small' is not in it"),
        (wrong_dims, r"variable 'place' has the dimensions \['chain', 'draw'\]"),
        (wrong_codes, "rows point at levels of 'area' that are not there; it has 7"),
    ):
        with pytest.raises(PosteriorError, match=match):
            load(altered(change))


def test_only_posteriors_are_saved(tmp_path):
    with pytest.raises(PosteriorError, match="this is no posterior of bayesineq"):
        save(xr.DataTree(), tmp_path / "post.nc")
    assert list(tmp_path.iterdir()) == []


def test_what_was_loaded_can_be_saved_again(post, tmp_path):
    first = load(save(post, tmp_path / "first.nc"))
    xr.testing.assert_identical(load(save(first, tmp_path / "second.nc")), post)


def test_a_posterior_is_freed_when_its_name_goes() -> None:
    """Fits in a loop hold one, or two while the next is made: nothing of the package keeps an earlier one."""
    table, card = example().table, read_card("prevalence")
    study = design(table, card, adjacency=example().adjacency)
    held: list[weakref.ref[np.ndarray]] = []
    for seed in range(4):
        post = fit(study, draws=50, seed=seed, progress=False)
        verdict(post)
        expected(post, by="area")
        cover(post)
        held.append(weakref.ref(post["posterior"]["place"].variable._data))
        gc.collect()
        assert sum(draws() is not None for draws in held) <= 2
    del post
    gc.collect()
    assert not any(draws() is not None for draws in held)
