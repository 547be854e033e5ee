//! How many rows of a table each tenant has, and which rows those are.

/// Rows of one table over the tenants. A tenant's rows follow those of the tenant before it.
#[derive(Debug)]
pub enum Sizes {
    /// The same number for each.
    Fixed(u64),
    /// The number of each tenant's first row; at the end, how many rows there are.
    Starts(Vec<u64>),
}

/// The rows of a table that belong to rows of another one: inside a tenant, those of one parent follow those of the parent before it.
#[derive(Debug)]
pub(crate) struct Parents {
    /// The other table.
    pub(crate) table: usize,
    /// For each of its rows, how many rows here its tenant has up to and with it.
    ends: Vec<u32>,
}

impl Parents {
    /// From the number of rows of each parent; `sizes` are those of the parents' table.
    pub(crate) fn drawn(table: usize, sizes: &Sizes, tenants: u64, mut count: impl FnMut(u64) -> u64) -> (Self, Sizes) {
        let mut ends = Vec::with_capacity(sizes.start(tenants) as usize);
        let totals: Vec<u64> = (0..tenants)
            .map(|tenant| {
                let mut end = 0;
                for row in sizes.start(tenant)..sizes.start(tenant + 1) {
                    end += count(row);
                    ends.push(u32::try_from(end).unwrap_or(u32::MAX));
                }
                end
            })
            .collect();
        (Self { table, ends }, Sizes::drawn(totals))
    }

    /// Number of the parent's row among those of its tenant, which are `count` from row `start` on; and which of its rows is meant.
    #[inline]
    pub(crate) fn place(&self, start: u64, count: u64, position: u64) -> (u64, u64) {
        let ends = self.ends.get(start as usize..(start + count) as usize).unwrap_or_default();
        let index = ends.partition_point(|end| u64::from(*end) <= position);
        let before = index.checked_sub(1).and_then(|before| ends.get(before)).map_or(0, |end| u64::from(*end));
        (index as u64, position - before)
    }
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
        fn each_row_belongs_to_one_parent(counts in prop::collection::vec(prop::collection::vec(0_u64..5, 0..6), 1..20)) {
            let sizes = Sizes::drawn(counts.iter().map(|rows| rows.len() as u64));
            let flat: Vec<u64> = counts.iter().flatten().copied().collect();
            let tenants = counts.len() as u64;
            let (parents, own) = Parents::drawn(0, &sizes, tenants, |row| flat[row as usize]);
            for (tenant, rows) in counts.iter().enumerate() {
                let wanted: Vec<(u64, u64)> = rows.iter().enumerate().flat_map(|(index, count)| (0..*count).map(move |at| (index as u64, at))).collect();
                prop_assert_eq!(own.of(tenant as u64), wanted.len() as u64);
                for (position, place) in wanted.iter().enumerate() {
                    let (start, count) = (sizes.start(tenant as u64), sizes.of(tenant as u64));
                    prop_assert_eq!(parents.place(start, count, position as u64), *place);
                }
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
