//! The seam between the engine and asyncio: a plan goes in, awaitables come out.

mod direct;
mod engine;
mod hub;
mod inner;
mod labels;
mod options;
mod pending;
mod population;
mod response;
mod schedule;
mod session;
mod slots;
mod stored;
mod stream;
mod waiter;

use pyo3::prelude::*;

/// Every request allocates on one thread and frees on another; this allocator is made for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The native module of tenantry; only `tenantry.engine` and `tenantry.results` import it.
///
/// It needs no global interpreter lock: what its objects share is behind locks of their own, none of which is held while Python runs.
#[pymodule(gil_used = false)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<direct::Direct>()?;
    module.add_class::<engine::Engine>()?;
    module.add_class::<pending::Pending>()?;
    module.add_class::<response::Response>()?;
    module.add_class::<schedule::Schedule>()?;
    module.add_class::<schedule::Starts>()?;
    module.add_class::<session::Session>()?;
    module.add_class::<stored::Merged>()?;
    module.add_class::<stored::Stored>()?;
    module.add_class::<stream::Stream>()?;
    population::register(module)
}
