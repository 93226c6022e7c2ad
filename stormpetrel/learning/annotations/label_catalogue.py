"""The label catalogue: labels in two levels, users' own below any of them, and their names in other nomenclatures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import yaml

from stormpetrel.core.errors import BadQuery, SetupError
from stormpetrel.core.events import LabelDefined
from stormpetrel.core.ids import ItemKind

NOMENCLATURES = ("corine", "bigearthnet", "names")
MAX_LEVELS = 6


@dataclass(frozen=True)
class Label:
    """One label. `id` is its path (`water-bodies/lakes`); `corine` are CORINE Land Cover codes of level 3."""

    id: str
    title: str
    kind: ItemKind
    corine: tuple[int, ...] = ()
    bigearthnet: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    description: str = ""
    defined_by: str | None = None

    @property
    def parent(self) -> str | None:
        return self.id.rpartition("/")[0] or None

    @property
    def level(self) -> int:
        return self.id.count("/") + 1


class Catalogue:
    """The labels of `config/labels.yaml` and those that users defined since. `version` changes with either. Readers
    need no lock: a definition replaces the labels as a whole."""

    def __init__(self, version: str, labels: Iterable[Label]) -> None:
        self._version = version
        self._labels = {label.id: label for label in labels}
        self._definitions = 0

    @property
    def version(self) -> str:
        return f"{self._version}+{self._definitions}" if self._definitions else self._version

    @property
    def labels(self) -> list[Label]:
        """Every label, by id."""
        return [label for _, label in sorted(self._labels.items())]

    def get(self, label_id: str) -> Label:
        """Raises BadQuery where there is no such label."""
        label = self._labels.get(label_id)
        if label is None:
            similar = [other.id for other in self.labels if other.id.split("/")[-1] == label_id.split("/")[-1]]
            suggestion = f"; did you mean {' or '.join(similar)}?" if similar else ""
            remedy = "GET /v1/labels lists them, POST /v1/labels defines one of your own"
            raise BadQuery("label", f"{label_id!r} is not in the catalogue{suggestion}", remedy)
        return label

    def of_kind(self, label_id: str, kind: str) -> Label:
        """The label, where it belongs to such items. Raises BadQuery."""
        label = self.get(label_id)
        if label.kind != kind:
            problem = f"{label_id!r} is a label of {label.kind}, not of {kind}"
            raise BadQuery("label", problem, "Take one of GET /v1/labels")
        return label

    def check(self, event: LabelDefined) -> ItemKind:
        """What kind of items a new label is for. Raises BadQuery where its path is not free or has no parent."""
        parent = event.label.rpartition("/")[0]
        if not parent:
            raise BadQuery("label", f"{event.label!r} has no parent", "Put it below a label, as water-bodies/my-label")
        if event.label.count("/") >= MAX_LEVELS:
            raise BadQuery("label", f"it is deeper than {MAX_LEVELS} levels", "Put it higher")
        existing = self._labels.get(event.label)
        if existing is not None and existing.defined_by is None:
            raise BadQuery("label", f"{event.label!r} is in the catalogue already", "Use it, or take another name")
        return self.get(parent).kind

    def define(self, event: LabelDefined) -> None:
        """Adds a user's label, or changes its title. Raises BadQuery as `check` does."""
        kind = self.check(event)
        label = Label(event.label, event.title, kind, description=event.description, defined_by=event.annotator)
        self._labels = {**self._labels, event.label: label}
        self._definitions += 1

    def named(self, name: str, kind: ItemKind) -> list[Label]:
        """The labels that a class of another nomenclature corresponds to: CORINE, BigEarthNet, EuroSAT, HumAID."""
        folded = name.strip().casefold()
        return [
            label
            for label in self.labels
            if label.kind == kind
            and any(folded == other.casefold() for other in (*label.names, *label.bigearthnet, label.title, label.id))
        ]

    def descriptions(self) -> list[dict[str, Any]]:
        """Every label as the API lists it."""
        return [
            {("label" if name == "id" else name): value for name, value in vars(label).items()}
            | {"level": label.level, "parent": label.parent}
            for label in self.labels
        ]


def read_catalogue(path: Path) -> Catalogue:
    """The catalogue of a YAML file. Raises SetupError where it is not one."""
    try:
        fields = yaml.safe_load(path.read_text(encoding="utf-8"))
        labels = [label for kind in get_args(ItemKind) for label in _labels(kind, fields.get(kind) or {}, "")]
        return Catalogue(str(fields["version"]), labels)
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        remedy = "the one that came with it is an example"
        raise SetupError(f"{path} is no catalogue of labels ({error!r}); {remedy}") from error


def _labels(kind: ItemKind, entries: Mapping[str, Mapping[str, Any]], prefix: str) -> Iterable[Label]:
    for name, fields in entries.items():
        path = f"{prefix}{name}"
        corine, bigearthnet, names = (tuple(fields.get(nomenclature, ())) for nomenclature in NOMENCLATURES)
        description = str(fields.get("description", ""))
        yield Label(path, str(fields["title"]), kind, corine, bigearthnet, names, description)
        yield from _labels(kind, fields.get("details") or {}, f"{path}/")
