"""A device that is not there: tensors that pretend to lie on one, and a law for how they mix.

`OnDevice` wraps a tensor of the CPU and claims another device. Inside `DeviceLaw` every operation
that torch dispatches is looked at: one that takes tensors of both sides raises, as CUDA would; a
copy from one side to the other, and whatever makes the host wait for the device, is counted. One
that adds floats in an order that changes from run to run on a GPU raises too. The values are those
of the CPU, so a solve gives the same bits as without.

The device is called "lazy", a name that torch knows and for which it loads no driver. What only
CUDA does (its kernels, its rounding, its graphs) this cannot show.
"""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from unittest import mock

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

DEVICE = torch.device("lazy", 0)
# Seen on an H200: the same inputs give other bits in the next call. Whole numbers are exact.
UNORDERED = {"index_add", "index_add_", "scatter_add", "scatter_add_", "bincount", "_sparse_mm"}
WAITS = {"_local_scalar_dense", "nonzero", "masked_select", "_unique2"}  # for the device's values


class Mixed(AssertionError):
    """An operation took tensors of the device and of the host."""


class Unordered(AssertionError):
    """An operation whose result changes from run to run on a GPU."""


class OnDevice(torch.Tensor):
    """``inner``, a tensor of the CPU, as one of the device."""

    inner: torch.Tensor

    @staticmethod
    def __new__(cls, inner: torch.Tensor) -> OnDevice:
        dense = inner.layout == torch.strided
        made: OnDevice = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            inner.size(),
            strides=inner.stride() if dense else None,
            storage_offset=inner.storage_offset() if dense else None,
            dtype=inner.dtype,
            device=DEVICE,
            requires_grad=inner.requires_grad,
        )
        made.inner = inner
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise RuntimeError(f"{func} outside the law")


class DeviceLaw(TorchDispatchMode):
    """``waits``: how often the host waited for the device, by operation and line of ours."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: Counter[str] = Counter()
        self.crossings: Counter[str] = Counter()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # nothing is compiled here; else torch would import its compiler

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        name = func.overloadpacket.__name__
        tensors = [*_tensors(args), *_tensors(given.values())]
        ours = [x for x in tensors if isinstance(x, OnDevice)]
        target = given.get("device")
        there = bool(ours) if target is None else torch.device(target).type == DEVICE.type
        copies = name in ("_to_copy", "copy_")
        # A scalar of the host is an argument of the kernel, not a tensor that has to be there.
        if ours and not copies and any(x.dim() for x in tensors if not isinstance(x, OnDevice)):
            raise Mixed(f"{func} takes tensors of the device and of the host at {_line()}")
        floats = [x for x in ours if x.is_floating_point()]
        if floats and (name in UNORDERED or any(x.layout != torch.strided for x in floats)):
            raise Unordered(f"{func} sums floats in any order at {_line()}")
        if name == "_to_copy" and bool(ours) != there:
            self._count(
                self.crossings if there else self.waits, "to device" if there else "to host"
            )
        elif ours and (name in WAITS or (name == "index" and _has_mask(args[1]))):
            self._count(self.waits, name)
        there = there and name != "_local_scalar_dense"
        if name == "copy_":
            there = isinstance(args[0], OnDevice)
        own = {k: torch.device("cpu") if k == "device" and v is not None else v
               for k, v in given.items()}  # fmt: skip
        made = func(*_each(_inner, args), **_each(_inner, own))
        known = {id(x.inner): x for x in ours}  # an operation in place returns its argument

        def wrapped(x: Any) -> Any:
            if not isinstance(x, torch.Tensor) or not there:
                return x
            return known[id(x)] if id(x) in known else OnDevice(x)

        return _each(wrapped, made)

    def _count(self, counter: Counter[str], name: str) -> None:
        counter[f"{name} {_line()}"] += 1


class _Data(TorchFunctionMode):
    """What torch does below the dispatcher.

    It makes tensors of Python's numbers on the host and copies them.
    """

    def __init__(self, law: DeviceLaw) -> None:
        super().__init__()
        self.law = law

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = dict(kwargs or {})
        if func is torch.Tensor.new_tensor:
            given.setdefault("dtype", args[0].dtype)
            return torch.tensor(*args[1:], **given).to(args[0].device)
        if func in (torch.tensor, torch.as_tensor) and given.get("device") is not None:
            device = given.pop("device")
            return func(*args, **given).to(device)
        if func is torch.Tensor.tolist and isinstance(args[0], OnDevice):
            return args[0].cpu().tolist()
        if func in (torch.Tensor.__getitem__, torch.Tensor.__setitem__) and isinstance(
            args[1], list
        ):
            places = torch.tensor(args[1]).to(args[0].device)
            return func(args[0], places, *args[2:], **given)
        return func(*args, **given)


_Generator = torch.Generator


class _AnyGenerator(_Generator):
    """Random numbers of the CPU for whichever device."""

    def __new__(cls, device: Any = "cpu") -> _AnyGenerator:
        return _Generator.__new__(cls, "cpu")

    def __init__(self, device: Any = "cpu") -> None:
        pass


@contextlib.contextmanager
def device_law() -> Iterator[DeviceLaw]:
    """Inside, ``x.to(DEVICE)`` gives a tensor of the device."""
    law = DeviceLaw()
    with mock.patch("torch.Generator", _AnyGenerator), _Data(law), law:
        yield law


# The lists of an operation's arguments and results, by hand: torch's trees take four times as long.


def _tensors(values: Iterable[Any]) -> Iterator[torch.Tensor]:
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)


def _each(change: Callable[[Any], Any], value: Any) -> Any:
    """``value`` with every element of its lists, tuples and dictionaries changed."""
    if isinstance(value, list | tuple):
        return type(value)([_each(change, x) for x in value])
    if type(value) is dict:
        return {name: _each(change, x) for name, x in value.items()}
    return change(value)


def _inner(x: Any) -> Any:
    return x.inner if isinstance(x, OnDevice) else x


def _has_mask(indices: Any) -> bool:
    return any(x is not None and x.dtype in (torch.bool, torch.uint8) for x in indices)


def _line() -> str:
    """Our line that the running operation comes from."""
    frame = sys._getframe(1)
    while frame is not None and "dmp_engine" not in frame.f_code.co_filename:
        frame = frame.f_back  # type: ignore[assignment]
    if frame is None:
        return ""
    return f"{frame.f_code.co_filename.rpartition('dmp_engine/')[2]}:{frame.f_lineno}"
