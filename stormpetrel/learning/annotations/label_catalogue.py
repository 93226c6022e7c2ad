"""The semantic catalogue: labels in two levels, users' own below any of them, and their names elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from stormpetrel.core.errors import BadQuery, SetupError
from stormpetrel.core.events import LabelDefined

Kind = Literal["patches", "posts"]
KINDS: tuple[Kind, ...] = ("patches", "posts")
MOST_LEVELS = 6


@dataclass(frozen=True)
class Label:
    """One label. `id` is its path (`water-bodies/lakes`); `corine` are CORINE Land Cover codes of level 3."""

    id: str
    title: str
    kind: Kind
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
    """The labels of `config/labels.yaml` and those that users defined since. `version` changes with either."""

    def __init__(self, version: str, labels: Iterable[Label]) -> None:
        self._version = version
        self._labels = {label.id: label for label in labels}
        self._own = 0

    @property
    def version(self) -> str:
        return f"{self._version}+{self._own}" if self._own else self._version

    @property
    def labels(self) -> list[Label]:
        """Every label, by id."""
        return [self._labels[own] for own in sorted(self._labels)]

    def get(self, label: str) -> Label:
        """Raises BadQuery where there is no such label."""
        found = self._labels.get(label)
        if found is None:
            near = sorted(own for own in self._labels if own.split("/")[-1] == label.split("/")[-1])
            meant = f"; did you mean {' or '.join(near)}?" if near else ""
            raise BadQuery(
                "label",
                f"{label!r} is not in the catalogue{meant}",
                "GET /v1/labels lists them, POST /v1/labels defines one of your own",
            )
        return found

    def of_kind(self, label: str, kind: str) -> Label:
        """The label, where it may be said of such items. Raises BadQuery."""
        found = self.get(label)
        if found.kind != kind:
            raise BadQuery("label", f"{label!r} is said of {found.kind}, not of {kind}", "Take one of GET /v1/labels")
        return found

    def check(self, event: LabelDefined) -> Kind:
        """What kind of items a new label is for. Raises BadQuery where it cannot stand where it wants to."""
        parent = event.label.rpartition("/")[0]
        if not parent:
            raise BadQuery("label", f"{event.label!r} has no parent", "Put it below a label, as water-bodies/my-label")
        if event.label.count("/") >= MOST_LEVELS:
            raise BadQuery("label", f"it is deeper than {MOST_LEVELS} levels", "Put it higher")
        known = self._labels.get(event.label)
        if known is not None and known.defined_by is None:
            raise BadQuery("label", f"{event.label!r} is in the catalogue already", "Use it, or take another name")
        return self.get(parent).kind

    def define(self, event: LabelDefined) -> None:
        """Adds a user's label, or changes its title. Raises BadQuery as `check` does."""
        kind = self.check(event)
        self._labels[event.label] = Label(
            event.label, event.title, kind, description=event.description, defined_by=event.annotator
        )
        self._own += 1

    def named(self, name: str, kind: Kind) -> list[Label]:
        """The labels that another nomenclature's class comes to: CORINE names, BigEarthNet, EuroSAT, HumAID."""
        wanted = name.strip().casefold()
        return [
            label
            for label in self.labels
            if label.kind == kind
            and any(wanted == other.casefold() for other in (*label.names, *label.bigearthnet, label.title, label.id))
        ]

    def described(self) -> list[dict[str, Any]]:
        """Every label as the API tells it."""
        return [
            {
                "label": label.id,
                "title": label.title,
                "kind": label.kind,
                "level": label.level,
                "parent": label.parent,
                "corine": list(label.corine),
                "bigearthnet": list(label.bigearthnet),
                "names": list(label.names),
                "description": label.description,
                "defined_by": label.defined_by,
            }
            for label in self.labels
        ]


def read_catalogue(path: Path) -> Catalogue:
    """The catalogue of a YAML file. Raises SetupError where it is not one."""
    try:
        fields = yaml.safe_load(path.read_text(encoding="utf-8"))
        labels = [label for kind in KINDS for label in _labels(kind, fields.get(kind) or {}, "")]
        return Catalogue(str(fields["version"]), labels)
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise SetupError(
            f"{path} is no catalogue of labels ({error!r}); the one that came with it is an example"
        ) from error


def _labels(kind: Kind, held: Mapping[str, Mapping[str, Any]], above: str) -> Iterable[Label]:
    for own, fields in held.items():
        path = f"{above}{own}"
        yield Label(
            path,
            str(fields["title"]),
            kind,
            tuple(fields.get("corine", ())),
            tuple(fields.get("bigearthnet", ())),
            tuple(fields.get("names", ())),
            str(fields.get("description", "")),
        )
        yield from _labels(kind, fields.get("details") or {}, f"{path}/")
