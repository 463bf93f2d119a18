"""A supervisor restarts with growing pauses inside a window, and knows what it must not survive."""

import pytest

from actors import Decision, Strategy, Supervisor, Verdict


class DiskFailed(Exception):
    pass


def supervisor(random=lambda: 0.0, **options) -> Supervisor:
    return Supervisor(Strategy(**options), random)


def test_pauses_double_up_to_the_longest():
    each = supervisor(max_restarts=5, backoff_first_s=1.0, backoff_max_s=5.0)
    assert [each.decide(ValueError(), 0.0).delay_s for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_a_first_pause_above_the_longest_is_cut():
    assert supervisor(backoff_first_s=9.0, backoff_max_s=5.0).decide(ValueError(), 0.0).delay_s == 5.0


def test_jitter_adds_a_random_share_of_the_pause():
    each = supervisor(random=iter([0.5, 1.0]).__next__, backoff_first_s=1.0, jitter=0.2)
    assert each.decide(ValueError(), 0.0).delay_s == pytest.approx(1.1)
    assert each.decide(ValueError(), 0.0).delay_s == pytest.approx(2.4)


def test_one_restart_too_many_inside_the_window_escalates():
    each = supervisor(max_restarts=2, window_s=10.0)
    decisions = [each.decide(ValueError(), now_s).decision for now_s in (0.0, 5.0, 9.0)]
    assert decisions == [Decision.RESTART, Decision.RESTART, Decision.ESCALATE]
    assert each.restarts == 2


def test_restarts_older_than_the_window_are_forgotten():
    each = supervisor(max_restarts=2, window_s=10.0, backoff_first_s=1.0, jitter=0.0)
    for now_s in (0.0, 9.0, 10.0, 30.0):
        verdict = each.decide(ValueError(), now_s)
        assert verdict.decision is Decision.RESTART
    assert verdict == Verdict(Decision.RESTART, 1.0)
    assert each.restarts == 4


def test_an_exhausted_strategy_may_stop_instead():
    each = supervisor(max_restarts=0, exhausted=Decision.STOP)
    assert each.decide(ValueError(), 0.0) == Verdict(Decision.STOP)


def test_classify_decides_about_each_error():
    each = supervisor(
        classify=lambda error: Decision.STOP if isinstance(error, KeyError) else Decision.RESTART
    )
    assert each.decide(KeyError(), 0.0).decision is Decision.STOP
    assert each.decide(ValueError(), 0.0).decision is Decision.RESTART


@pytest.mark.parametrize(
    "error",
    [
        DiskFailed(),
        ExceptionGroup("one", [ValueError(), DiskFailed()]),
        ExceptionGroup("deep", [ExceptionGroup("one", [DiskFailed()])]),
    ],
)
def test_a_named_error_always_escalates_whatever_classify_says(error: Exception):
    each = supervisor(escalates=(DiskFailed,), classify=lambda _error: Decision.STOP)
    assert each.decide(error, 0.0) == Verdict(Decision.ESCALATE)
    assert each.restarts == 0


def test_a_thousand_restarts_do_not_overflow_the_pause():
    each = supervisor(max_restarts=2000, window_s=1e9, backoff_max_s=30.0)
    assert [each.decide(ValueError(), 0.0).delay_s for _ in range(2000)][-1] == 30.0


def test_strategies_that_mean_nothing_are_refused():
    with pytest.raises(ValueError, match="negative"):
        Strategy(window_s=-1.0)
    with pytest.raises(ValueError, match="exhausted"):
        Strategy(exhausted=Decision.RESTART)
