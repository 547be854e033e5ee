//! The load engine of tenantry. It knows nothing of Python: it takes a plan, drives connections and clocks, and writes samples.
#![forbid(unsafe_code)]
