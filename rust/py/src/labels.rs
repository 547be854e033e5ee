//! What a script's constant strings stand for, found by their identity: neither hashed nor compared for every request.

use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyString;

/// Entries; two strings that share one displace each other, which costs no more than not to remember them.
const ENTRIES: usize = 512;

/// Values by the identity of one or two strings and a number.
pub(crate) struct Labels<T>(Mutex<Vec<Option<Entry<T>>>>);

struct Entry<T> {
    /// Held, so that no other string gets its address.
    name: Py<PyString>,
    group: Option<Py<PyString>>,
    key: u64,
    value: T,
}

impl<T> Default for Labels<T> {
    fn default() -> Self {
        Self(Mutex::new((0..ENTRIES).map(|_| None).collect()))
    }
}

impl<T: Clone> Labels<T> {
    /// The value for these strings, made by `make` when it is not remembered.
    pub(crate) fn get(
        &self,
        name: &Bound<'_, PyString>,
        group: Option<&Bound<'_, PyString>>,
        key: u64,
        make: impl FnOnce() -> PyResult<T>,
    ) -> PyResult<T> {
        let place = (name.as_ptr() as usize >> 4) % ENTRIES;
        if let Some(Some(entry)) = self.0.lock().get(place)
            && entry.name.is(name)
            && entry.key == key
            && entry.group.as_ref().map(Py::as_ptr) == group.map(Bound::as_ptr)
        {
            return Ok(entry.value.clone());
        }
        // Without the lock: what runs Python, or frees its objects, must not hold one.
        let value = make()?;
        let entry = Entry { name: name.clone().unbind(), group: group.map(|group| group.clone().unbind()), key, value: value.clone() };
        let displaced = self.0.lock().get_mut(place).and_then(|kept| kept.replace(entry));
        drop(displaced);
        Ok(value)
    }
}
