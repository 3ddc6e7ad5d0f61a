"""Trainers of ensembles as records of JSON and arrays, and back."""

from __future__ import annotations

from typing import Any

from minnet.common.fields import fields
from minnet.persistence.numbers import check_ensemble
from minnet.persistence.record import Record
from minnet.persistence.schema import (
    add_progress,
    describe,
    describe_optimizer,
    restore,
    take_optimizer,
    take_progress,
)
from minnet.persistence.trainings import describe_network, restore_network, use_backend_of_here
from minnet.persistence.values import Decoder, Encoder
from minnet.training import EnsembleTrainer
from minnet.training.member import Member
from minnet.training.run import Run

__all__ = ["describe_ensemble", "restore_ensemble"]


def describe_ensemble(trainer: EnsembleTrainer, encoder: Encoder) -> dict[str, Any]:
    """Return the record of a trainer and its networks; their arrays go into the encoder."""
    check_ensemble(trainer)
    networks, members = [], []
    for i, member in enumerate(trainer.members):
        with encoder.within(f"members.{i}."):
            networks.append(describe_network(member.network, encoder))
            members.append(_describe_member(member, encoder))
    run = trainer.run
    return {
        "networks": networks,
        "members": members,
        "schedule": encoder.encode(trainer.schedule, "learning_rate"),
        **describe(trainer, encoder),
        "run": None if run is None else describe(run, encoder),
    }


def _describe_member(member: Member, encoder: Encoder) -> dict[str, Any]:
    add_progress("", member, member.network, encoder)
    return {
        **describe_optimizer(member.optimizer, member.network, encoder),
        **describe(member, encoder),
        "has_best": member.best is not None,
    }


def restore_ensemble(record: Record, decoder: Decoder) -> EnsembleTrainer:
    """Return the trainer of a record, with its networks."""
    where = record.where
    networks = []
    for i, described in enumerate(record.items("networks")):
        with decoder.within(f"members.{i}."):
            networks.append(restore_network(Record(described, f"{where}.networks[{i}]"), decoder))
    members = record.items("members")
    if len(members) != len(networks):
        raise ValueError(f"{where}.members must have {len(networks)} entries, got {len(members)}")
    schedule = decoder.kind(record.take("schedule"), f"{where}.schedule", "schedule")
    # Made for the one backend that is always there; the file's is made when it is first asked for.
    trainer = EnsembleTrainer(networks, learning_rate=schedule, backend="numpy")
    trainer.members = [
        _restore_member(
            Record(described, f"{where}.members[{i}]"), i, networks[i], schedule, decoder
        )
        for i, described in enumerate(members)
    ]
    use_backend_of_here(record)
    values = restore(fields(EnsembleTrainer), record, decoder)
    run = record.optional_record("run")
    if run is not None:
        values["run"] = Run(**restore(fields(Run), run, decoder))
        run.done()
    trainer.__setstate__(values)
    if trainer.run is not None:
        trainer.run.start = sum(member.start for member in trainer.members)
    check_ensemble(trainer)
    return trainer


def _restore_member(
    record: Record, i: int, network: Any, schedule: Any, decoder: Decoder
) -> Member:
    optimizer = decoder.kind(record.take("optimizer"), f"{record.where}.optimizer", "optimizer")
    optimizer.prepare(network.params)
    member = Member(network, optimizer, schedule)
    with decoder.within(f"members.{i}."):
        take_optimizer(optimizer, network, record, decoder)
        for name, value in restore(fields(Member), record, decoder).items():
            setattr(member, name, value)
        take_progress("", member, network, record, decoder)
    record.done()
    return member
