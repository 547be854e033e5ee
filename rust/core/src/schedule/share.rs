//! Cutting a plan into equal shares, one for each process or host.

/// Which of the units of a stream belong to this process: every `count`-th, from `index` on.
///
/// Units are numbered over the whole plan, so shares put together are exactly the uncut plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    index: u64,
    count: u64,
}

impl Share {
    /// Share `index` of `count` in a stream of `vus` VUs; None when this share has none of them.
    ///
    /// A stream with fewer VUs than there are shares is cut into as many shares as it has VUs: events without a VU would be dropped.
    #[must_use]
    pub fn of((index, count): (u32, u32), vus: u32) -> Option<Self> {
        let count = count.min(vus).max(1);
        (vus > 0 && index < count).then_some(Self { index: index.into(), count: count.into() })
    }

    /// The number in the whole plan of this share's `local`-th unit, both from 0.
    #[must_use]
    pub fn number(&self, local: u64) -> u64 {
        local.saturating_mul(self.count).saturating_add(self.index)
    }

    /// The place in this share of a unit that belongs to it.
    #[must_use]
    pub fn local(&self, number: u64) -> u64 {
        number / self.count
    }

    /// How many of the first `total` units are in this share.
    #[must_use]
    pub fn of_first(&self, total: u64) -> u64 {
        total.saturating_sub(self.index).div_ceil(self.count)
    }
}
