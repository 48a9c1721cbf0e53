"""Faults of params.yaml beyond its types."""

from biolingual.checks import faults


def test_a_dump_left_out_that_there_is_not_is_named(params):
    wrong = params.model_copy(
        update={"pretrain": params.pretrain.model_copy(update={"without_dumps": ["xeno_kanto-2026-01"]})}
    )
    (fault,) = faults(wrong)
    assert fault.startswith(
        "pretrain.without_dumps: 'xeno_kanto-2026-01' has no row in dumps. Known: xeno_canto-2026-01"
    )
