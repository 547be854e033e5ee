"""The load of the blocks: that of the diagnosed run, held at its highest for as long as a block takes."""

from __future__ import annotations

from dataclasses import replace

from tenantry.errors import UsageError
from tenantry.plan.closed import ConstantVus, PerVuIterations, RampingVus, SharedIterations
from tenantry.plan.open import ConstantRate, PoissonRate, RampingRate
from tenantry.plan.profiles import Profile
from tenantry.prepare import Prepared


def held(base: Prepared, length_ns: int) -> Prepared:
    """The workload for so long at one rate, or with one number of virtual users, and without thresholds, which judge the whole run.

    Raises UsageError when its scenarios begin one after another, so that there is no one load.
    """
    later = [stream.name for stream in base.plan.streams if stream.start_after != 0]
    if later:
        what = f"{', '.join(later)} of {base.plan.name} begins after other scenarios, so there is no one load to repeat"
        raise UsageError(what, where="--experiment", hint="diagnose a run of a workload whose scenarios all begin at once")
    streams = tuple(replace(stream, profile=_held(stream.profile, length_ns)) for stream in base.plan.streams)
    plan = replace(base.plan, streams=streams, thresholds=(), scaled_thresholds={})
    return replace(base, plan=plan, thresholds=())


def _held(profile: Profile, length_ns: int) -> Profile:
    stop = profile.graceful_stop_ns
    match profile:
        case ConstantRate() | PoissonRate() | ConstantVus():
            return replace(profile, duration_ns=length_ns)
        case RampingRate():
            made = profile.pre_allocated_vus
            rate = max(profile.amounts)
            return ConstantRate(rate=rate, duration_ns=length_ns, max_vus=profile.max_vus, pre_allocated_vus=made, graceful_stop_ns=stop)
        case RampingVus():
            return ConstantVus(vus=profile.max_vus, duration_ns=length_ns, graceful_stop_ns=stop)
        case SharedIterations() | PerVuIterations():
            return ConstantVus(vus=profile.vus, duration_ns=length_ns, graceful_stop_ns=stop)
