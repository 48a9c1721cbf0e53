"""Pretraining: what a batch is, one step of plain torch, and the Ray Train job around it."""
