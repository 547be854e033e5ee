//! Which awaitable waits for which token.

use parking_lot::Mutex;
use pyo3::prelude::*;
use tenantry_core::queue::Token;

use crate::pending::Pending;

/// Awaitables by token. A token is never given twice: a late completion of a cancelled awaitable finds nothing.
#[derive(Default)]
pub(crate) struct Slots(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Default)]
struct Slot {
    generation: u32,
    pending: Option<Py<Pending>>,
}

impl Slots {
    /// A token for an awaitable that is made next.
    pub(crate) fn reserve(&self) -> Token {
        let mut inner = self.0.lock();
        let index = inner.free.pop().unwrap_or_else(|| {
            inner.slots.push(Slot::default());
            u32::try_from(inner.slots.len() - 1).unwrap_or(u32::MAX)
        });
        let generation = inner.slots.get(index as usize).map_or(0, |slot| slot.generation);
        u64::from(generation) << 32 | u64::from(index)
    }

    /// Puts the awaitable under its token.
    pub(crate) fn fill(&self, token: Token, pending: Py<Pending>) {
        if let Some(slot) = self.0.lock().slots.get_mut(index_of(token)) {
            slot.pending = Some(pending);
        }
    }

    /// Retires a token that nobody waits for.
    pub(crate) fn release(&self, token: Token) {
        drop(self.take(token));
    }

    /// Takes the awaitable out and retires its token.
    pub(crate) fn take(&self, token: Token) -> Option<Py<Pending>> {
        let mut inner = self.0.lock();
        let slot = inner.slots.get_mut(index_of(token))?;
        if u64::from(slot.generation) != token >> 32 {
            return None;
        }
        slot.generation = slot.generation.wrapping_add(1);
        let pending = slot.pending.take();
        inner.free.push(token as u32);
        pending
    }
}

fn index_of(token: Token) -> usize {
    token as u32 as usize
}
