//! How many rows of a table each tenant has, and which rows those are.

/// Rows of one table over the tenants. A tenant's rows follow those of the tenant before it.
#[derive(Debug)]
pub enum Sizes {
    /// The same number for each.
    Fixed(u64),
    /// The number of each tenant's first row; at the end, how many rows there are.
    Starts(Vec<u64>),
}

impl Sizes {
    /// From the number of rows of each tenant, in their order.
    pub(crate) fn drawn(counts: impl IntoIterator<Item = u64>) -> Self {
        let mut end = 0;
        let ends = counts.into_iter().map(|count| {
            end += count;
            end
        });
        Self::Starts(std::iter::once(0).chain(ends).collect())
    }

    /// Rows of a tenant.
    #[inline(always)]
    pub fn of(&self, tenant: u64) -> u64 {
        match self {
            Self::Fixed(count) => *count,
            Self::Starts(_) => self.start(tenant + 1) - self.start(tenant),
        }
    }

    /// Number of a tenant's first row; with the number of tenants, that of all rows.
    #[inline(always)]
    pub fn start(&self, tenant: u64) -> u64 {
        match self {
            Self::Fixed(count) => count * tenant,
            Self::Starts(starts) => starts.get(tenant as usize).or(starts.last()).copied().unwrap_or(0),
        }
    }

    /// Tenant and position inside it of a row.
    #[inline]
    pub(crate) fn place(&self, row: u64) -> (u64, u64) {
        match self {
            Self::Fixed(count) => (row / count, row % count),
            Self::Starts(starts) => {
                let tenant = starts.partition_point(|start| *start <= row).saturating_sub(1) as u64;
                (tenant, row - self.start(tenant))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_row_is_at_one_place(counts in prop::collection::vec(0_u64..6, 1..40)) {
            let sizes = Sizes::drawn(counts.iter().copied());
            let tenants = counts.len() as u64;
            let wanted: Vec<(u64, u64)> = (0..tenants).flat_map(|tenant| (0..counts[tenant as usize]).map(move |position| (tenant, position))).collect();
            prop_assert_eq!(sizes.start(tenants), wanted.len() as u64);
            for (row, place) in wanted.iter().enumerate() {
                prop_assert_eq!(sizes.place(row as u64), *place);
                prop_assert_eq!(sizes.start(place.0) + place.1, row as u64);
            }
            for (tenant, count) in counts.iter().enumerate() {
                prop_assert_eq!(sizes.of(tenant as u64), *count);
            }
        }

        #[test]
        fn a_fixed_number_is_the_same_as_that_number_drawn_each_time(count in 1_u64..9, tenants in 1_u64..30) {
            let (fixed, drawn) = (Sizes::Fixed(count), Sizes::drawn((0..tenants).map(|_| count)));
            for row in 0..count * tenants {
                prop_assert_eq!(fixed.place(row), drawn.place(row));
            }
            for tenant in 0..=tenants {
                prop_assert_eq!(fixed.start(tenant), drawn.start(tenant));
            }
        }
    }
}
